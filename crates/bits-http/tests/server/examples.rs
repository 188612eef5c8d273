//! The servers of the README: short, and under test.

/// The lines of a program, without comments and empty ones.
fn lines(program: &str) -> usize {
    let code = program.lines().map(str::trim);
    code.filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

#[test]
fn the_server_of_the_readme_is_short() {
    let (readme, program) =
        (include_str!("../../README.md"), include_str!("../../examples/folder_server.rs"));
    assert!(readme.contains(program), "the README has examples/folder_server.rs in it, word for word");
    assert!(lines(program) <= 40, "{}", lines(program));
}

#[test]
fn a_storage_of_ones_own_is_short() {
    let program = include_str!("../../examples/own_storage.rs");
    assert!(lines(program) <= 150, "{}", lines(program));
}
