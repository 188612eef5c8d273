//! Measures bits-server beside a bare handler that stores the bodies of PUT requests, and beside rustus if it is installed.
//!
//! All servers get the same bytes from the same load generator on the same disk, in turns: each round runs each of them once. What is
//! compared are the two numbers of one round, so that a slow minute of the machine slows both. The table has the median of the ratios,
//! and the least and the greatest of them.
//!
//! ```text
//! cargo build --release -p bits-server
//! cargo run --release -p benchmark -- --out crates/bits-server/speed
//! ```

mod bare;
mod client;
mod measure;
mod options;
mod plot;
mod server;
mod sessions;
mod statistics;
mod table;

use std::process::ExitCode;

use options::{Options, Wish};

fn main() -> ExitCode {
    match Wish::read(std::env::args().skip(1)) {
        Ok(Wish::Bare(root)) => bare::serve(root),
        Ok(Wish::Measure(options)) => run(&options),
        Err(usage) => {
            eprintln!("{usage}\n\n{}", Options::USAGE);
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn run(options: &Options) {
    let mut table = table::Table::default();
    let mut plots = plot::Plots::default();
    println!("load before: {}", statistics::load());
    if options.wants("fragments") {
        measure::fragments(options, &mut table, &mut plots);
    }
    if options.wants("memory") {
        measure::memory(options, &mut table);
    }
    if options.wants("at-once") {
        measure::at_once(options, &mut table, &mut plots);
    }
    if options.wants("sessions") {
        sessions::measure(options, &mut table, &mut plots);
    }
    println!("load after: {}\n\n{table}", statistics::load());
    if let Some(folder) = &options.out {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("measured.md"), table.to_string()).unwrap();
        plots.write(folder);
    }
}
