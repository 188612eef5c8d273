//! The configurations of the uploads that walk along the table, with their servers and lines.

use std::time::Duration;

use bits_proto::client::{Config, Recovery, ReplyMode};

/// A fragment that a 413 halves, to the least there is.
pub(super) const FRAGMENT: u64 = 10_240;
pub(super) const LEAST: u64 = 5_120;

/// How an upload is configured, and what its server and its line are like.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    pub(super) recovery: Recovery,
    pub(super) reply: ReplyMode,
    pub ping_first: bool,
    /// A quarter of a second for a fragment.
    pub(super) paced: bool,
    pub(super) give_up_after: Option<Duration>,
    /// The time that comes with the host's name.
    pub(super) fallback: Option<&'static str>,
}

impl Setup {
    pub fn all() -> [Self; 5] {
        let plain = Self {
            recovery: Recovery::Resend,
            reply: ReplyMode::Ignored,
            ping_first: false,
            paced: false,
            give_up_after: None,
            fallback: None,
        };
        let restart = Self { recovery: Recovery::Restart, ping_first: true, ..plain };
        // Before the pace lets a fragment go, and before any next try.
        let impatient = Self { paced: true, give_up_after: Some(Duration::from_millis(100)), ..plain };
        [
            // A host is given up before the next try, or during it.
            Self { fallback: Some("1"), ..plain },
            Self { fallback: Some("60"), reply: ReplyMode::Optional, ..restart },
            Self { paced: true, reply: ReplyMode::Required, ..plain },
            impatient,
            Self { give_up_after: impatient.give_up_after, ..restart },
        ]
    }

    pub(super) fn config(self) -> Config {
        let config = Config::builder().fragment_size(FRAGMENT).recovery(self.recovery).reply(self.reply);
        let config = config.ping_first(self.ping_first).give_up_after(self.give_up_after.unwrap_or(FOREVER));
        // The walk goes in circles on purpose.
        let config = config.max_restarts(1000).max_regressions(1000).max_stalls(1000);
        let rate = if self.paced { std::num::NonZeroU64::new(4 * FRAGMENT) } else { None };
        config.rate(rate).build().unwrap()
    }
}

const FOREVER: Duration = Duration::from_secs(1_000_000_000);
