//! Options: the room, the time and the numbers that uploads may take.

use std::time::Duration;

use clap::Args;
use command_line::seconds;

use super::values;

#[derive(Clone, Debug, Args)]
pub(crate) struct Limits {
    /// Refuse uploads that would leave less than this free on their file system
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "0")]
    pub(crate) keep_free: u64,
    /// Refuse uploads that would make the files in the root more than this, unfinished ones included; with --user-dirs, those
    /// in the folder of each user
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub(crate) quota: Option<u64>,
    /// How many bytes a second a client sends at least within a body; slower ones are sent away, and come back
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "64")]
    pub(crate) least_pace: u64,
    /// How much memory the parts of files on their way into a bucket may take; uploads beyond put smaller pieces, which are put together
    /// in the bucket
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "64MiB")]
    pub(crate) bucket_memory: u64,
    /// The largest file
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub(crate) max_upload_size: Option<u64>,
    /// The largest fragment; clients that send larger ones are told so, and send smaller ones
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub(crate) max_fragment_size: Option<u64>,
    /// How long an upload may make no progress, until it is deleted [default: 14days]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) session_timeout: Option<Duration>,
    /// How many unfinished uploads a user may have [default: 50; without users, any number]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) sessions_per_owner: Option<usize>,
    /// How many unfinished uploads there may be in all
    #[arg(long, value_name = "NUMBER", default_value = "100000")]
    pub(crate) max_sessions: usize,
    /// How many unfinished uploads one address may have
    #[arg(long, value_name = "NUMBER", default_value = "1000")]
    pub(crate) sessions_per_address: usize,
}
