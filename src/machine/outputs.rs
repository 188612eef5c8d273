//! The queue of a machine's outputs.

use std::collections::VecDeque;

/// The number of outputs that wait at most. Events past it are dropped, oldest first; what must be done never is.
const MAX_OUTPUTS: usize = 64;

/// The outputs of a machine that nobody has taken yet, in order.
#[derive(Debug)]
pub(crate) struct Outputs<O>(VecDeque<O>);

/// What an output asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asks<Id> {
    /// To begin this exchange.
    Request(Id),
    /// To go on with it.
    More(Id),
    /// To give one up.
    Abort,
    /// Nothing: it tells.
    Nothing,
}

/// One of a machine's outputs.
pub(crate) trait Output {
    type Id: Copy + PartialEq;

    fn asks(&self) -> Asks<Self::Id>;
}

impl<O: Output> Outputs<O> {
    pub(crate) const fn new() -> Self {
        Self(VecDeque::new())
    }

    pub(crate) fn push(&mut self, output: O) {
        if self.0.len() >= MAX_OUTPUTS {
            if let Some(oldest) = self.0.iter().position(|output| output.asks() == Asks::Nothing) {
                self.0.remove(oldest);
            }
        }
        self.0.push_back(output);
    }

    pub(crate) fn pop(&mut self) -> Option<O> {
        self.0.pop_front()
    }

    /// Whether nobody has taken the request of this exchange yet.
    pub(crate) fn is_unsent(&self, id: O::Id) -> bool {
        self.0.iter().any(|output| output.asks() == Asks::Request(id))
    }

    /// Takes back what was asked for an exchange, so that it is never done. Whether its request was part of that.
    pub(crate) fn withdraw(&mut self, id: O::Id) -> bool {
        let unsent = self.is_unsent(id);
        self.0.retain(|output| ![Asks::Request(id), Asks::More(id)].contains(&output.asks()));
        unsent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Output for Asks<u64> {
        type Id = u64;

        fn asks(&self) -> Self {
            *self
        }
    }

    #[test]
    fn events_that_nobody_takes_give_way_and_work_never_does() {
        let mut outputs = Outputs::new();
        outputs.push(Asks::Request(1));
        for _ in 0..1000 {
            outputs.push(Asks::Nothing);
        }
        for id in 0..100 {
            outputs.push(Asks::More(id));
        }
        assert_eq!(outputs.pop(), Some(Asks::Request(1)));
        assert_eq!(outputs.0.len(), 100);
    }

    #[test]
    fn what_was_asked_for_an_exchange_is_taken_back() {
        let mut outputs = Outputs::new();
        for output in [Asks::Request(1), Asks::Nothing, Asks::More(1), Asks::Abort, Asks::More(2)] {
            outputs.push(output);
        }
        assert!(outputs.is_unsent(1) && !outputs.is_unsent(2));
        assert!(outputs.withdraw(1));
        assert!(!outputs.withdraw(2));
        assert_eq!(outputs.0, [Asks::Nothing, Asks::Abort]);
    }
}
