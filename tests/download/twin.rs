//! A twin that is stored and restored before every input behaves as its brother does, but for time.

use std::collections::{BTreeSet, VecDeque};

use bits_proto::download::State;
use bits_proto::download::transitions::{Place, Sight, Stimulus};
use proptest::prelude::*;
use testing::clock::start;
use testing::download::{Scene, Setup};

/// How many steps the walks at a pace go.
const LONGEST_AT_A_PACE: usize = 4;

/// A download that is never stored, and one that is stored and restored before every input.
struct Twins {
    brother: Scene,
    twin: Scene,
}

impl Twins {
    fn new(setup: Setup) -> Self {
        let epoch = start();
        Self { brother: Scene::replay(setup, epoch, &[]), twin: Scene::replay(setup, epoch, &[]) }
    }

    /// Both of them along a path that they went before.
    fn replay(setup: Setup, path: &[Stimulus]) -> Self {
        let mut twins = Self::new(setup);
        for &stimulus in path {
            assert!(twins.meet(stimulus), "{path:?} was walked before");
        }
        twins
    }

    /// Tells both the same; whether both could meet it. Of an exchange that was repeated, less may be left, and one range of
    /// several.
    fn meet(&mut self, stimulus: Stimulus) -> bool {
        self.twin.restart();
        if self.brother.is_suspending() {
            // With the process goes what was under way, and there is nothing more to wait for.
            self.brother.break_off();
        }
        self.go_when_the_pace_lets();
        let is_answer = Stimulus::HEADS.contains(&stimulus) || stimulus == Stimulus::BodyError;
        if is_answer && self.twin.asks() != self.brother.asks() {
            // Another request has other answers.
            return false;
        }
        let (Some(brother), Some(twin)) = (self.brother.meet(stimulus), self.twin.meet(stimulus)) else {
            return false;
        };
        self.go_when_the_pace_lets();
        assert_eq!(told(&twin.sights), told(&brother.sights), "{stimulus:?}");
        true
    }

    /// Time is no difference: who waits for the pace alone waits no longer.
    fn go_when_the_pace_lets(&mut self) {
        match (self.brother.state(), self.twin.state()) {
            (State::Pacing, State::Pacing) => {}
            (State::Pacing, _) => drop(self.brother.meet(Stimulus::PaceTimer)),
            (_, State::Pacing) => drop(self.twin.meet(Stimulus::PaceTimer)),
            _ => {}
        }
    }

    #[track_caller]
    fn assert_alike(&self, context: &str) {
        let (mut twin, mut brother) = (self.twin.record(), self.brother.record());
        if twin["length"].is_null() || brother["length"].is_null() {
            // The head of a single range tells the size, and that of several does not.
            (twin["length"], brother["length"]) = Default::default();
        }
        assert_eq!(twin, brother, "{context}");
        if !self.brother.is_suspending() {
            assert_eq!(self.twin.state(), self.brother.state(), "{context}");
        }
    }
}

/// The events and the errors, but for those of a single request: a repeated one asks for less.
fn told(sights: &[Sight]) -> Vec<Sight> {
    let of_exchange =
        [Sight::SendHead, Sight::SendGet, Sight::Receive, Sight::Abort, Sight::Progress, Sight::SizeKnown];
    sights.iter().copied().filter(|sight| !of_exchange.contains(sight)).collect()
}

#[test]
fn a_twin_that_is_stored_before_every_input_behaves_as_its_brother_in_every_place() {
    let mut reached = BTreeSet::new();
    let mut compared = 0;
    // The whole at once, with HEAD and bit by bit, in several ranges, and those at a pace.
    for setup in [0, 1, 4, 6].map(|index| Setup::all()[index]) {
        let mut known = BTreeSet::new();
        let mut queue = VecDeque::from([Vec::new()]);
        while let Some(path) = queue.pop_front() {
            reached.insert(format!("{:?}", Twins::replay(setup, &path).brother.place()));
            for &stimulus in Stimulus::ALL {
                let mut twins = Twins::replay(setup, &path);
                if !twins.meet(stimulus) {
                    continue;
                }
                twins.assert_alike(&format!("{stimulus:?} after {path:?} under {setup:?}"));
                compared += 1;
                let circumstances = twins.brother.circumstances();
                let place = format!("{:?}", twins.brother.place());
                let ends = match setup.is_paced() {
                    true => path.len() + 1 >= LONGEST_AT_A_PACE,
                    false => stimulus == Stimulus::SlowDown,
                };
                if !ends && known.insert(format!("{place} {circumstances}")) {
                    queue.push_back(path.iter().copied().chain([stimulus]).collect());
                }
            }
        }
    }
    for place in Place::ALL {
        assert!(reached.contains(&format!("{place:?}")), "{place:?} was never stored: {reached:?}");
    }
    assert!(compared > 1000, "{compared}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_twin_behaves_as_its_brother_whatever_they_meet(
        // Those that give up soon differ from the others in time alone.
        setup in prop::sample::select(Setup::all()[..7].to_vec()),
        story in prop::collection::vec(prop::sample::select(Stimulus::ALL), 0..60),
    ) {
        let mut twins = Twins::new(setup);
        let mut met = Vec::new();
        for stimulus in story {
            // Most cannot be met here. Where one of both alone can, their ways part.
            let before = (twins.brother.record(), twins.twin.record());
            if twins.meet(stimulus) {
                met.push(stimulus);
                twins.assert_alike(&format!("{met:?} under {setup:?}"));
            } else if before != (twins.brother.record(), twins.twin.record()) {
                break;
            }
        }
    }
}
