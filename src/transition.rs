//! What a row of a machine's transition table is made of.
//!
//! A table is written once, by the macro below, and so the data that tests drive and the table that people read are one.

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

/// An enumeration that knows all of its variants.
macro_rules! catalogue {
    (
        $(#[$attribute:meta])*
        pub enum $name:ident { $( $(#[$about:meta])* $variant:ident, )+ }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum $name { $( $(#[$about])* $variant, )+ }

        impl $name {
            /// Every one of them.
            pub const ALL: &[Self] = &[$( Self::$variant ),+];
        }
    };
}
pub(crate) use catalogue;

/// A [`Selection`], as a value and as Markdown: `A | B`, `all GROUP`, or `all GROUP but A | B`.
macro_rules! selection {
    (@text $kind:ident all $group:ident) => {
        concat!("[`", stringify!($group), "`](", stringify!($kind), "::", stringify!($group), ")")
    };
    (@text $kind:ident all $group:ident but $($item:ident)|+) => {
        concat!(
            $crate::transition::selection!(@text $kind all $group),
            " but ",
            $crate::transition::selection!(@text $kind $($item)|+)
        )
    };
    (@text $kind:ident $first:ident $(| $item:ident)*) => {
        concat!(
            "[`", stringify!($first), "`](", stringify!($kind), "::", stringify!($first), ")"
            $(, ", [`", stringify!($item), "`](", stringify!($kind), "::", stringify!($item), ")")*
        )
    };
    ($kind:ident all $group:ident) => {
        $crate::transition::Selection::new($kind::$group, &[])
    };
    ($kind:ident all $group:ident but $($item:ident)|+) => {
        $crate::transition::Selection::new($kind::$group, &[$( $kind::$item ),+])
    };
    ($kind:ident $($item:ident)|+) => {
        $crate::transition::Selection::new(&[$( $kind::$item ),+], &[])
    };
}
pub(crate) use selection;

/// An [`After`], as a value and as Markdown.
macro_rules! after {
    (@text Same) => { "–" };
    (@text Before) => { "as before" };
    (@text Due) => { "as is due" };
    (@text $place:ident) => { $crate::transition::selection!(@text Place $place) };
    (Same) => { $crate::transition::After::Same };
    (Before) => { $crate::transition::After::Before };
    (Due) => { $crate::transition::After::Due };
    ($place:ident) => { $crate::transition::After::At(Place::$place) };
}
pub(crate) use after;

/// A transition table: the constant, and in its documentation the same as a Markdown table.
///
/// The caller has `Place`, `Stimulus` and `Setting` in scope, and a macro `reaction!` that makes of the last column a value,
/// and Markdown.
/// Rows are `(places) (stimuli) [setting] => after, reaction;`.
macro_rules! transitions {
    (
        $(#[$attribute:meta])*
        pub const $name:ident: $type:ty;
        $( ($($from:tt)+) ($($on:tt)+) [$($setting:ident)?] => $after:ident, $($reaction:ident $(($($argument:tt)+))?)+; )+
    ) => {
        $(#[$attribute])*
        ///
        /// | where | what comes | under | then | answer |
        /// |---|---|---|---|---|
        $(
            #[doc = concat!(
                "| ", $crate::transition::selection!(@text Place $($from)+),
                " | ", $crate::transition::selection!(@text Stimulus $($on)+),
                " | ", $("[`", stringify!($setting), "`](Setting::", stringify!($setting), ")",)?
                " | ", $crate::transition::after!(@text $after),
                " | ", reaction!(@text $($reaction $(($($argument)+))?)+), " |"
            )]
        )+
        pub const $name: &[$type] = &[$(
            $crate::transition::Transition {
                from: $crate::transition::selection!(Place $($from)+),
                on: $crate::transition::selection!(Stimulus $($on)+),
                setting: [$(Some(Setting::$setting),)? None][0],
                after: $crate::transition::after!($after),
                reaction: reaction!($($reaction $(($($argument)+))?)+),
            }
        ),+];
    };
}
pub(crate) use transitions;

/// The pairs of a table that never meet, and why.
macro_rules! impossible {
    (
        $(#[$attribute:meta])*
        pub const $name:ident;
        $( ($($from:tt)+) ($($on:tt)+) => $why:literal; )+
    ) => {
        $(#[$attribute])*
        ///
        /// | where | what never comes | why |
        /// |---|---|---|
        $(
            #[doc = concat!(
                "| ", $crate::transition::selection!(@text Place $($from)+),
                " | ", $crate::transition::selection!(@text Stimulus $($on)+),
                " | ", $why, " |"
            )]
        )+
        pub const $name: &[(
            $crate::transition::Selection<Place>,
            $crate::transition::Selection<Stimulus>,
            &str,
        )] = &[$((
            $crate::transition::selection!(Place $($from)+),
            $crate::transition::selection!(Stimulus $($on)+),
            $why,
        )),+];
    };
}
pub(crate) use impossible;
