//! Reads the path of a request as the name of a file, or refuses it.
//!
//! A stranger sent the path. Each of its segments is decoded once and must then be a plain file name on every system
//! that may ever see the folder. A name that means something else on one of them is refused. `tree.rs` follows no
//! symbolic links.

use std::fmt;

/// How many bytes a file name may have, on every file system in use.
const MAX_NAME: usize = 255;

/// How many folders deep a path may lead.
const MAX_DEPTH: usize = 64;

/// Names that Windows takes for devices, whatever extension follows.
const DEVICES: [&str; 8] = ["CON", "PRN", "AUX", "NUL", "CLOCK$", "CONIN$", "CONOUT$", "CONFIG$"];

/// Devices that are numbered from 0 to 9, superscript digits included.
const NUMBERED_DEVICES: [&str; 2] = ["COM", "LPT"];

/// Where a file is, below the root: its folders, and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FilePath {
    pub(super) folders: Vec<String>,
    pub(super) name: String,
}

/// Why a path names no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadPath {
    /// It names a folder: nothing stands behind its last slash.
    Folder,
    /// It is none that a client may use.
    Forbidden,
    /// It is a name of the server's own folders.
    Reserved,
}

impl FilePath {
    /// Reads the path of a request's target, still percent-encoded, without its query.
    pub(super) fn parse(path: &str) -> Result<Self, BadPath> {
        let path = path.strip_prefix('/').ok_or(BadPath::Forbidden)?;
        let (folders, name) =
            path.rsplit_once('/').map_or((None, path), |(folders, name)| (Some(folders), name));
        let folders = folders
            .map(|folders| folders.split('/').map(file_name).collect::<Result<Vec<_>, _>>())
            .transpose()?
            .unwrap_or_default();
        if folders.len() > MAX_DEPTH {
            return Err(BadPath::Forbidden);
        }
        if name.is_empty() {
            return Err(BadPath::Folder);
        }
        Ok(Self { folders, name: file_name(name)? })
    }

    /// The folder right below the root that leads to it, unless it is right in the root.
    pub(super) fn top(&self) -> Option<&str> {
        self.folders.first().map(String::as_str)
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for folder in &self.folders {
            write!(f, "{folder}/")?;
        }
        f.write_str(&self.name)
    }
}

/// How the names of the server's own folders begin, in any case of letters: a file system may take them for the same.
const RESERVED: &str = ".bits";

/// Whether a name is one of the server's own: `.bits`, or `.bits-` and anything.
pub(super) fn is_reserved(name: &str) -> bool {
    let rest = name.get(RESERVED.len()..).unwrap_or_default();
    let begins = name.get(..RESERVED.len()).is_some_and(|start| start.eq_ignore_ascii_case(RESERVED));
    begins && (rest.is_empty() || rest.starts_with('-'))
}

/// A segment of a path as the name of a file.
fn file_name(segment: &str) -> Result<String, BadPath> {
    let name = decode(segment).and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(BadPath::Forbidden)?;
    let bad = name.is_empty()
        || name.len() > MAX_NAME
        || name.chars().any(|character| character.is_control() || r#"\/:*?"<>|"#.contains(character))
        // Dots alone lead to folders, and Windows drops dots and blanks at the end.
        || name.ends_with(['.', ' '])
        || is_device(&name);
    match bad {
        true => Err(BadPath::Forbidden),
        false if is_reserved(&name) => Err(BadPath::Reserved),
        false => Ok(name),
    }
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_uppercase();
    let numbered = |device: &str| {
        stem.strip_prefix(device).is_some_and(|number| {
            let mut digits = number.chars();
            let digit = digits.next().is_some_and(|digit| digit.is_ascii_digit() || "¹²³".contains(digit));
            digit && digits.next().is_none()
        })
    };
    DEVICES.contains(&stem.as_str()) || NUMBERED_DEVICES.into_iter().any(numbered)
}

/// Decodes `%XX`, once; `None` where a percent sign is not followed by two hexadecimal digits.
fn decode(segment: &str) -> Option<Vec<u8>> {
    let mut bytes = segment.bytes();
    let mut decoded = Vec::with_capacity(segment.len());
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' { hex(bytes.next()?)? << 4 | hex(bytes.next()?)? } else { byte });
    }
    Some(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(path: &str) -> Result<String, BadPath> {
        FilePath::parse(path).map(|path| path.to_string())
    }

    #[test]
    fn plain_paths_are_taken_as_they_are() {
        assert_eq!(parsed("/b.bin"), Ok("b.bin".into()));
        assert_eq!(parsed("/a/b.bin"), Ok("a/b.bin".into()));
        assert_eq!(parsed("/.hidden/..data"), Ok(".hidden/..data".into()));
        assert_eq!(parsed("/console/comma.nul"), Ok("console/comma.nul".into()));
        assert_eq!(parsed("/COM10/LPTX/CO"), Ok("COM10/LPTX/CO".into()));
    }

    #[test]
    fn percent_encoding_is_decoded_once() {
        assert_eq!(parsed("/my%20file.bin"), Ok("my file.bin".into()));
        assert_eq!(parsed("/%C3%A4.bin"), Ok("ä.bin".into()));
        assert_eq!(parsed("/%61%2Ebin"), Ok("a.bin".into()));
        assert_eq!(parsed("/%252e%252e/x"), Ok("%2e%2e/x".into()));
        assert_eq!(parsed("/%252fx"), Ok("%2fx".into()));
    }

    #[test]
    fn no_dots_lead_up() {
        for path in [
            "/..",
            "/../x",
            "/a/../x",
            "/a/../../x",
            "/.",
            "/./x",
            "/a/.",
            "/a/..",
            "/...",
            "/.../x",
            "/.. /x",
            "/..%20/x",
            "/%2e%2e/x",
            "/%2E%2E/x",
            "/.%2e/x",
            "/%2e./x",
            "/a/%2e%2e/%2e%2e/x",
            "/%2e/x",
        ] {
            assert_eq!(parsed(path), Err(BadPath::Forbidden), "{path}");
        }
    }

    #[test]
    fn no_separator_hides_in_a_name() {
        for path in [
            r"/..\x",
            r"/a\b",
            r"/\x",
            r"\x",
            "/a%5Cb",
            "/%5c..%5cx",
            "/a%2Fb",
            "/..%2fx",
            "/%2Fetc/passwd",
            r"/\\server\share",
            "//server/share",
            "//x",
            "/a//x",
            "x",
            "",
            "%2Fx",
        ] {
            assert_eq!(parsed(path), Err(BadPath::Forbidden), "{path}");
        }
    }

    #[test]
    fn neither_drives_nor_streams_nor_devices() {
        for path in [
            "/C:/x",
            "/c:x",
            "/C%3A/x",
            "/x:stream",
            "/x%3A$DATA",
            "/CON",
            "/con",
            "/nul.txt",
            "/NUL.tar.gz",
            "/aux/x",
            "/a/prn",
            "/COM1",
            "/com9.bin",
            "/lpt1",
            "/LPT0.x",
            "/COM%C2%B9",
            "/con%20",
            "/con%20.txt",
            "/conin$",
            "/CLOCK$",
        ] {
            assert_eq!(parsed(path), Err(BadPath::Forbidden), "{path}");
        }
    }

    #[test]
    fn no_characters_that_file_systems_cannot_hold() {
        for path in [
            "/a%00",
            "/%00",
            "/a%00.bin",
            "/a%0Ab",
            "/a%0d",
            "/a%1b[2J",
            "/a%7f",
            "/a*b",
            "/a%3Fb",
            "/a%22b",
            "/a|b",
            "/a%3Cb",
            "/%3E",
            "/a.",
            "/a%20",
            "/a./x",
            "/%ff",
            "/%C3",
            "/%C0%AE%C0%AE/x",
            "/a%",
            "/a%2",
            "/a%zz",
            "/%+1",
        ] {
            assert_eq!(parsed(path), Err(BadPath::Forbidden), "{path}");
        }
    }

    #[test]
    fn names_and_depths_have_bounds() {
        assert!(parsed(&format!("/{}", "x".repeat(255))).is_ok());
        assert_eq!(parsed(&format!("/{}", "x".repeat(256))), Err(BadPath::Forbidden));
        assert!(parsed(&format!("{}/x", "/d".repeat(64))).is_ok());
        assert_eq!(parsed(&format!("{}/x", "/d".repeat(65))), Err(BadPath::Forbidden));
    }

    #[test]
    fn the_folders_of_a_server_are_not_entered() {
        for path in ["/.bits/x", "/.BITS", "/a/.Bits/b", "/.bits-1A2B3C4D/x", "/.BITS-x", "/%2Ebits/x"] {
            assert_eq!(parsed(path), Err(BadPath::Reserved), "{path}");
        }
        assert_eq!(parsed("/.bitsy/.bit"), Ok(".bitsy/.bit".into()));
    }

    #[test]
    fn folders_are_no_files() {
        assert_eq!(parsed("/"), Err(BadPath::Folder));
        assert_eq!(parsed("/a/"), Err(BadPath::Folder));
        assert_eq!(parsed("/../"), Err(BadPath::Forbidden));
    }
}
