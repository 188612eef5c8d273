//! What several test files share. No file uses all of it: each item is named once below, so that none looks unused.

mod captures;
pub(crate) mod generated;
pub(crate) mod hostile;
mod http1;

pub(crate) use captures::{ACKS, OTHERS, REQUESTS};
pub(crate) use http1::{request, response};

const _: usize = ACKS.len() + OTHERS.len() + REQUESTS.len() + generated::REQUEST_TYPES.len();
const _: fn(&[u8]) -> http::Request<()> = request;
const _: fn(&[u8]) -> http::Response<()> = response;
const _: fn() = || {
    let _ = (generated::requests, generated::acks);
    let _ = (hostile::headers, hostile::method, hostile::status, hostile::version);
};
