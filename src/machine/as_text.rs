//! Values that have no form of their own in serde, written for logs.

use std::fmt::Display;

use http::{HeaderValue, StatusCode};
use serde::Serializer;

pub(crate) fn display<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

pub(crate) fn status<S: Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

pub(crate) fn optional_status<S: Serializer>(
    status: &Option<StatusCode>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match status {
        Some(status) => serializer.serialize_some(&status.as_u16()),
        None => serializer.serialize_none(),
    }
}

pub(crate) fn values<S: Serializer>(values: &[HeaderValue], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(|value| String::from_utf8_lossy(value.as_bytes())))
}
