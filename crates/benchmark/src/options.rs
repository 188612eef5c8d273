//! The command line.

use std::path::PathBuf;

/// What the program is to do.
pub(crate) enum Wish {
    /// Serve as the bare handler.
    Bare(PathBuf),
    Measure(Options),
}

#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The program that is measured.
    pub(crate) server: PathBuf,
    /// Options that it is given besides.
    pub(crate) server_options: Vec<String>,
    /// The program `rustus`, if it is there.
    pub(crate) rustus: Option<PathBuf>,
    /// Where the servers write. It decides which disk is measured.
    pub(crate) place: PathBuf,
    /// Where the table and the plots are written.
    pub(crate) out: Option<PathBuf>,
    pub(crate) rounds: usize,
    pub(crate) most_sessions: usize,
    only: Vec<String>,
}

impl Options {
    pub(crate) const USAGE: &str = "\
benchmark [--out FOLDER] [--place FOLDER] [--rounds NUMBER] [--sessions NUMBER] [--only fragments,memory,at-once,sessions]
          [--server PROGRAM] [--server-option OPTION]... [--rustus PROGRAM]

--out       where the table and the plots are written
--place     a folder of the disk that the servers write to [default: the current folder]
--rounds    how many times each server runs each load [default: 7]
--sessions  the most sessions that are open at a time [default: 100000]
--only      the parts that are run [default: all]
--server    bits-server, built with --release [default: target/release/bits-server]
--rustus    rustus, for the same bytes by the tus protocol [default: none]";

    pub(crate) fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }
}

impl Wish {
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Options {
            server: "target/release/bits-server".into(),
            server_options: Vec::new(),
            rustus: None,
            place: ".".into(),
            out: None,
            rounds: 7,
            most_sessions: 100_000,
            only: Vec::new(),
        };
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            let number = || value.parse::<usize>().map_err(|_| format!("{name} needs a number"));
            match &*name {
                "--bare" => return Ok(Self::Bare(value.into())),
                "--out" => options.out = Some(value.into()),
                "--place" => options.place = value.into(),
                "--rounds" => options.rounds = number()?.max(1),
                "--sessions" => options.most_sessions = number()?,
                "--only" => options.only = value.split(',').map(str::to_owned).collect(),
                "--server" => options.server = value.into(),
                "--server-option" => options.server_options.push(value),
                "--rustus" => options.rustus = Some(value.into()),
                _ => return Err(format!("{name} is no option")),
            }
        }
        match options.server.is_file() {
            true => Ok(Self::Measure(options)),
            false => {
                Err(format!("{} is missing: build bits-server with --release", options.server.display()))
            }
        }
    }
}
