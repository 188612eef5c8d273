//! The answers of a server, as tests expect them.

use http::Response;

pub fn header<'r>(response: &'r Response<()>, name: &str) -> Option<&'r str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

/// What `manual::protocol` says of every Ack.
#[track_caller]
pub fn assert_is_ack(response: &Response<()>) {
    assert_eq!(header(response, "bits-packet-type"), Some("Ack"));
    assert_eq!(header(response, "content-length"), Some("0"));
    assert_eq!(header(response, "pragma"), Some("no-cache"));
    assert_eq!(header(response, "cache-control"), Some("no-store"));
    let code = header(response, "bits-error");
    assert_eq!(code, header(response, "bits-error-code"), "C01: both names say the same");
    assert_eq!(code.is_some(), header(response, "bits-error-context").is_some());
    if response.status().is_success() {
        assert_eq!(code, None, "never an error on a success");
    }
}

/// 200 for a Fragment: the server wants the bytes from `next` on.
#[track_caller]
pub fn assert_accepted(response: &Response<()>, next: u64) {
    assert_eq!(response.status(), 200, "{response:?}");
    assert_offset(response, Some(next));
    assert!(header(response, "bits-session-id").is_some(), "C03");
}

/// 416: the server wants the bytes from `next` on, and no error header says so (C11).
#[track_caller]
pub fn assert_out_of_step(response: &Response<()>, next: u64) {
    assert_bare(response, 416);
    assert_offset(response, Some(next));
    assert!(header(response, "bits-session-id").is_some());
}

#[track_caller]
pub fn assert_offset(response: &Response<()>, next: Option<u64>) {
    let next = next.map(|next| next.to_string());
    assert_eq!(header(response, "bits-received-content-range"), next.as_deref(), "{response:?}");
}

/// An error with a code and a context.
#[track_caller]
pub fn assert_error(response: &Response<()>, status: u16, code: &str, context: &str) {
    assert_eq!(response.status(), status, "{response:?}");
    assert_eq!(header(response, "bits-error"), Some(code));
    assert_eq!(header(response, "bits-error-code"), Some(code));
    assert_eq!(header(response, "bits-error-context"), Some(context));
}

/// An error that its status says in full (note <4>).
#[track_caller]
pub fn assert_bare(response: &Response<()>, status: u16) {
    assert_eq!(response.status(), status, "{response:?}");
    for name in ["bits-error", "bits-error-code", "bits-error-context"] {
        assert_eq!(header(response, name), None, "{name}");
    }
}

/// The session is unknown.
#[track_caller]
pub fn assert_not_found(response: &Response<()>) {
    assert_error(response, 500, "0x8020001F", "0x5");
}

/// The request is invalid.
#[track_caller]
pub fn assert_invalid(response: &Response<()>) {
    assert_error(response, 400, "0x80070057", "0x5");
}
