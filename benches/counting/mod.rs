//! Counts instructions in place of time: exact, and the same on a busy machine.
//!
//! `.ci/instructions` runs a benchmark under callgrind with `--instructions`, and has callgrind count while [`counted`]
//! runs. The benchmark prints what it lets it count, one line a call, so that the script can tell the counts apart.

#![expect(clippy::disallowed_macros, clippy::disallowed_methods, reason = "a benchmark reads its arguments")]

/// Whether instructions are to be counted.
pub(crate) fn wanted() -> bool {
    std::env::args().any(|arg| arg == "--instructions")
}

/// Has the instructions of several pieces of the same work counted: ours first, then its floors, each with its name.
pub(crate) fn count(work: &str, sides: &mut [(&str, &mut dyn FnMut())]) {
    for (side, run) in sides {
        // What is done but once is done here: a table filled, a page of the heap touched.
        run();
        println!("counted: {work}: {side}");
        counted(run);
    }
}

/// The function that callgrind looks for by its name.
#[inline(never)]
fn counted(run: &mut dyn FnMut()) {
    run();
}
