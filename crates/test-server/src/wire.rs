//! HTTP/1.1 as the servers of the tests read and write it.

use std::io::{self, BufReader, Read, Write};

use http::{HeaderValue, Request, Response, StatusCode};
use testing::http1::{self, Message};

pub(crate) trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

pub(crate) type Connection = BufReader<Box<dyn Stream>>;

pub(crate) fn read_head(connection: &mut Connection) -> io::Result<Option<Request<()>>> {
    Ok(Message::read_request(connection)?.map(|message| http1::request(&message.head)))
}

pub(crate) fn write_response(
    stream: &mut dyn Stream,
    response: &Response<()>,
    more: &str,
    page: &[u8],
) -> io::Result<()> {
    stream.write_all(&[&*http1::response_head(response, more), page].concat())?;
    stream.flush()
}

pub(crate) fn plain(
    status: u16,
    headers: &[(&'static str, &'static str)],
    page: Vec<u8>,
) -> (Response<()>, Vec<u8>) {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response.headers_mut().insert(*name, HeaderValue::from_static(value));
    }
    response.headers_mut().insert("content-length", page.len().into());
    (response, page)
}

pub(crate) fn header<'r>(request: &'r Request<()>, name: &str) -> &'r str {
    request.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}
