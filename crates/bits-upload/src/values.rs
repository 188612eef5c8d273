//! The syntax of single values of the command line.

use std::num::NonZeroU64;

use bits_proto::client::FragmentSize;
use bits_proto::header::{CONTENT_NAME, X_HTTP_METHOD_OVERRIDE};
use http::Uri;
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_RANGE, EXPECT, HeaderName, HeaderValue, TRANSFER_ENCODING,
};

pub(crate) fn url(text: &str) -> Result<Uri, String> {
    // This one takes spaces and letters of any script, as people type them.
    let url = reqwest::Url::parse(text)
        .map_err(|error| format!("{error}; it looks like https://server/folder/name"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err("it must begin with http:// or https:// and a server's name".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a name and password do not belong into the address: use --user".to_owned());
    }
    if url.fragment().is_some() {
        return Err("what follows a # would not be sent: write %23 for a # in a name".to_owned());
    }
    url.as_str().parse().map_err(|error| format!("{error}"))
}

/// The address of a file in the folder of this address. The names are those of folders below it, and the file's.
pub(crate) fn below<'n>(folder: &Uri, names: impl Iterator<Item = &'n str>) -> Result<Uri, String> {
    let mut url = reqwest::Url::parse(&folder.to_string()).map_err(|error| error.to_string())?;
    let mut path = url.path_segments_mut().map_err(|()| "it has no folders".to_owned())?;
    path.pop_if_empty().extend(names);
    drop(path);
    url.as_str().parse().map_err(|error| format!("{error}"))
}

pub(crate) fn fragment_size(text: &str) -> Result<FragmentSize, String> {
    if text == "auto" {
        Ok(FragmentSize::ADAPTIVE)
    } else {
        size(text).map(|size| FragmentSize::Fixed(size.get()))
    }
}

pub(crate) fn rate(text: &str) -> Result<NonZeroU64, String> {
    size(text)
}

fn size(text: &str) -> Result<NonZeroU64, String> {
    let number_at = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(number_at).unwrap_or((text, ""));
    let unit: u64 = match unit.trim_start() {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("a number of bytes, KiB, MiB or GiB is wanted, such as 512KiB".to_owned()),
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    bytes
        .and_then(NonZeroU64::new)
        .ok_or_else(|| "a number of bytes above zero is wanted, such as 512KiB".to_owned())
}

/// What can be sent in a header.
pub(crate) fn text(text: &str) -> Result<String, &'static str> {
    let is_sendable = HeaderValue::from_str(text).is_ok();
    is_sendable.then(|| text.to_owned()).ok_or("it has a line break or another control character in it")
}

pub(crate) fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) =
        text.split_once(':').ok_or("a name, a colon and a value are wanted, such as 'X-Team: backups'")?;
    let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|error| error.to_string())?;
    let own = [
        CONNECTION,
        CONTENT_LENGTH,
        CONTENT_RANGE,
        EXPECT,
        TRANSFER_ENCODING,
        CONTENT_NAME,
        X_HTTP_METHOD_OVERRIDE,
    ];
    if own.contains(&name) || name.as_str().starts_with("bits-") {
        return Err(format!("{name} is set by the program itself"));
    }
    let value = HeaderValue::from_str(value.trim()).map_err(|error| error.to_string())?;
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_has_no_line_breaks() {
        assert_eq!(text("a b/1").as_deref(), Ok("a b/1"));
        for wrong in ["a\nb", "a\rb", "\u{7f}"] {
            assert!(text(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in
            [("1", 1), ("5120", 5120), ("5KiB", 5120), ("13 MiB", 13 << 20), ("2GiB", 2 << 30)]
        {
            assert_eq!(size(text).map(NonZeroU64::get), Ok(bytes), "{text}");
        }
        for text in
            ["", "0", "0MiB", "-1", "+1", "1.5MiB", "MiB", "1MB", "1mib", "17179869184GiB", "1e3", "５"]
        {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_are_taken_as_people_type_them() {
        assert_eq!(url("http://h/a b/ä.txt").unwrap(), "http://h/a%20b/%C3%A4.txt");
        for text in [
            "",
            "h/a",
            "/a",
            "ftp://h/a",
            "http://",
            "http://u:p@h/a",
            "http://u@h/a",
            "http://h/a#b",
            "file:///a",
        ] {
            assert!(url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_names_of_files_are_encoded() {
        let folder: Uri = "http://h/a%20b/?token=1".parse().unwrap();
        for (names, expected) in [
            (&["x.txt"][..], "http://h/a%20b/x.txt?token=1"),
            (&["c", "50% ä?#.txt"], "http://h/a%20b/c/50%25%20%C3%A4%3F%23.txt?token=1"),
        ] {
            assert_eq!(below(&folder, names.iter().copied()).unwrap(), expected);
        }
    }

    #[test]
    fn headers_that_would_break_a_request_are_refused() {
        assert!(header("X-A: b:c").is_ok_and(|(name, value)| name == "x-a" && value == "b:c"));
        for text in [
            "",
            "X-A",
            ": b",
            "X A: b",
            "X-A: b\nc",
            "content-length: 5",
            "Transfer-Encoding: chunked",
            "BITS-Session-Id: x",
            "content-range: x",
        ] {
            assert!(header(text).is_err(), "{text}");
        }
    }
}
