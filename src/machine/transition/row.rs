//! One row of a transition table.

/// One row of a transition table: whatever is in one of these places and meets one of these stimuli.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Transition<P: 'static, S: 'static, C, R> {
    /// Where the machine stands.
    pub from: Selection<P>,
    /// What it is told.
    pub on: Selection<S>,
    /// The setting for which the row holds; `None`: for all.
    pub setting: Option<C>,
    /// Where the machine stands afterwards.
    pub after: After<P>,
    /// What the caller gets to see.
    pub reaction: R,
}

/// Where a machine stands after a transition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum After<P> {
    /// Where it stood.
    Same,
    /// Where it stood before it came to the place that the row names.
    Before,
    /// Wherever that leads which is due: the request whose turn has come, or the packet that waited.
    Due,
    /// Here.
    At(P),
}

/// Some of a kind: a group, but for a few.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Selection<T: 'static> {
    of: &'static [T],
    but: &'static [T],
}

impl<T: Copy + PartialEq> Selection<T> {
    pub(crate) const fn new(of: &'static [T], but: &'static [T]) -> Self {
        Self { of, but }
    }

    /// Whether it is one of them.
    #[must_use]
    pub fn contains(&self, item: T) -> bool {
        self.of.contains(&item) && !self.but.contains(&item)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<T> {
        let but = self.but;
        self.of.iter().copied().filter(move |item| !but.contains(item))
    }
}
