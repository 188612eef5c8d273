//! Answers of servers, written by hand as they stand on the wire.

use http::Response;

/// The session that these answers name.
pub const SESSION: &str = "{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}";

/// A response that is no Ack: a proxy's page, say.
pub fn page(status: u16) -> Response<()> {
    let response = Response::builder().status(status).header("Content-Type", "text/html");
    response.header("Content-Length", "512").body(()).unwrap()
}

/// An Ack with these headers besides those that every Ack has.
pub fn ack(status: u16, headers: &[(&str, &str)]) -> Response<()> {
    let response = Response::builder().status(status).header("Pragma", "no-cache");
    let response = response.header("BITS-Packet-Type", "Ack").header("Content-Length", "0");
    with(response.body(()).unwrap(), headers)
}

/// The same response with more headers.
pub fn with(mut response: Response<()>, headers: &[(&str, &str)]) -> Response<()> {
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        response.headers_mut().try_append(name, value.parse().unwrap()).unwrap();
    }
    response
}

/// The Ack of Ping, Close-Session and Cancel-Session, as IIS sends it.
pub fn ok() -> Response<()> {
    ack(200, &[])
}

/// The Ack for Create-Session.
pub fn created() -> Response<()> {
    created_with(&[])
}

/// The Ack for Create-Session with more headers.
pub fn created_with(headers: &[(&str, &str)]) -> Response<()> {
    let protocol = ("BITS-Protocol", "{7df0354d-249b-430f-820d-3d2a9bef4931}");
    let response = ack(200, &[protocol, ("BITS-Session-Id", SESSION), ("Accept-Encoding", "identity")]);
    with(response, headers)
}

/// The Ack for a Fragment: the server wants the byte at this offset next.
pub fn received(offset: u64) -> Response<()> {
    ack(200, &[("BITS-Received-Content-Range", &offset.to_string())])
}

/// 416: the server is out of step and wants the byte at this offset.
pub fn out_of_step(offset: u64) -> Response<()> {
    ack(416, &[("BITS-Session-Id", SESSION), ("BITS-Received-Content-Range", &offset.to_string())])
}

/// An error of the server itself.
pub fn error(status: u16, code: &str) -> Response<()> {
    ack(status, &[("BITS-Error", code), ("BITS-Error-Code", code), ("BITS-Error-Context", "0x5")])
}

/// An error of the server application.
pub fn application_error(status: u16, code: &str) -> Response<()> {
    ack(status, &[("BITS-Error", code), ("BITS-Error-Code", code), ("BITS-Error-Context", "0x7")])
}

/// 500 with `BG_E_SESSION_NOT_FOUND`.
pub fn session_not_found() -> Response<()> {
    error(500, "0x8020001F")
}
