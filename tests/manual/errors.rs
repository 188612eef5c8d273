//! The table of errors in the chapter on the protocol is what a server answers.

use std::time::Instant;

use bits_proto::server::{Directory, Output, Refusal, Report, Sessions};
use bits_proto::{Conformance, Hresult};
use http::{Request, Response, StatusCode};
use testing::clock;

use crate::sources::chapter;

/// Rows of the table: status, code and context.
fn table() -> Vec<(String, String, String)> {
    let text = chapter("protocol");
    let (_, table) = text.split_once("| what | status | code | context |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.trim_matches('|').split('|').map(str::trim).map(str::to_owned).collect());
    let cells = cells.map(|cells: Vec<String>| cells[1..].to_vec());
    cells.map(|cells| (cells[0].clone(), cells[1].clone(), cells[2].clone())).collect()
}

fn create() -> Request<()> {
    let request = Request::builder().method("BITS_POST").uri("/uploads/a.txt");
    let request = request.header("BITS-Packet-Type", "Create-Session").header("Content-Length", "0");
    let protocol = "{7df0354d-249b-430f-820d-3d2a9bef4931}";
    request.header("BITS-Supported-Protocols", protocol).body(()).unwrap()
}

/// The answer to a Create-Session that is refused like this.
fn refused(refusal: Refusal) -> Response<()> {
    let now: Instant = clock::start();
    let mut sessions = Sessions::new(Directory::default());
    let exchange = sessions.handle_request(now, &create(), &(), || [7; 16]).unwrap();
    assert!(matches!(sessions.poll_output(now, exchange), Some(Output::Open)));
    sessions.handle_report(now, exchange, Report::Failed(refusal));
    match sessions.poll_output(now, exchange) {
        Some(Output::Respond(ack)) => ack.to_response(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_refusal_is_answered_as_the_table_says() {
    let table = table();
    assert!(table.len() > 10, "{table:?}");
    let application = Refusal::Application { status: StatusCode::FORBIDDEN, code: None };
    for refusal in [
        Refusal::AccessDenied,
        Refusal::DestinationExists,
        Refusal::IsDirectory,
        Refusal::BadBody,
        Refusal::NoSuchFolder,
        Refusal::EntityMissing,
        Refusal::Busy,
        Refusal::DiskFull,
        Refusal::Internal,
        Refusal::ApplicationTimeout,
        application,
    ] {
        let response = refused(refusal);
        let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (code, context) = (header("bits-error"), header("bits-error-context"));
        let found = table.iter().any(|(status, code_cell, context_cell)| {
            let same_status = *status == response.status().as_u16().to_string();
            let same_code =
                code.as_ref().map_or(code_cell == "none", |code| code_cell.contains(code.as_str()));
            let same_context = context_cell == context.as_deref().unwrap_or("none");
            let of_application =
                refusal == application && status == "its own" && code_cell.contains("0x8019");
            (same_status && same_code || of_application) && same_context
        });
        assert!(found, "{refusal:?}: {} {code:?} {context:?}", response.status());
    }
}

/// A code is named as the library names it.
#[test]
fn the_names_of_the_codes_are_those_of_the_library() {
    let mut named = 0;
    for (_, code, _) in table() {
        let Some((_, value)) = code.split_once(" 0x") else { continue };
        let digits = value.split(' ').next().unwrap();
        let code_of_text = Hresult::parse(format!("0x{digits}").as_bytes(), Conformance::Strict);
        let Some(name) = code_of_text.and_then(Hresult::name) else { continue };
        assert!(code.contains(&format!("`{name}`")), "{code}");
        named += 1;
    }
    assert!(named >= 8, "{named}");
}
