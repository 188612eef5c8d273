//! The requests that the README sends by hand work as they stand there.

use std::fs;
use std::process::Command;

use end_to_end::Server;

const README: &str = include_str!("../../../bits-server/README.md");

/// The one block of the README in this language that has a word in it.
fn block(language: &str, word: &str) -> &'static str {
    let begin = format!("```{language}\n");
    let mut blocks = README.split(&begin).skip(1).map(|rest| rest.split("```").next().unwrap());
    let block = blocks.find(|block| block.contains(word));
    assert!(!blocks.any(|block| block.contains(word)), "two blocks with {word}");
    block.unwrap_or_else(|| panic!("no block in {language} with {word}"))
}

/// Runs a block, in which nothing but the server's address is changed, and sees that it uploads.
fn uploads(block: &str, interpreter: &[&str]) {
    let server = Server::start(&[]);
    assert!(block.contains("server:8080"), "{block}");
    let code = block.replace("server:8080", &server.address().to_string());
    let output =
        Command::new(interpreter[0]).args(&interpreter[1..]).arg(code).env_remove("http_proxy").output();
    let output = output.unwrap_or_else(|error| panic!("{} is needed: {error}", interpreter[0]));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(fs::read(server.file("hello.txt")).unwrap(), b"hello", "{output:?}");
    assert_eq!((server.packets("Create-Session"), server.leftovers()), (1, vec![]));
}

#[test]
fn curl_uploads_as_the_readme_says() {
    uploads(block("sh", "curl"), &["sh", "-euc"]);
}

#[test]
fn python_uploads_as_the_readme_says() {
    uploads(block("python", "http.client"), &["python3", "-c"]);
}
