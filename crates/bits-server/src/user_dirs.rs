//! `--user-dirs`: each user has a folder of the root, and knows of nothing else.

use std::fmt::{Display, Write};
use std::fs;
use std::io;
use std::path::Path;

use bits_http::storage::Folder;
use http::Uri;
use http::uri::PathAndQuery;

/// What the client asked for, before its folder was put in front.
#[derive(Clone, Debug)]
pub(crate) struct Asked(pub(crate) Uri);

/// Puts a user's folder in front of the path of a request. `None`: the target is none that has a path.
pub(crate) fn inside(uri: &Uri, user: &str) -> Option<Uri> {
    let target = uri.path_and_query()?.as_str();
    // `*`, say.
    if !target.starts_with('/') {
        return None;
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(format!("/{}{target}", encoded(user)).parse::<PathAndQuery>().ok()?);
    Uri::from_parts(parts).ok()
}

fn encoded(name: &str) -> String {
    name.bytes().fold(String::new(), |mut text, byte| {
        match byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            true => text.push(char::from(byte)),
            false => {
                let _infallible = write!(text, "%{byte:02X}");
            }
        }
        text
    })
}

/// Whether users can have folders of their names.
///
/// # Errors
/// One of them cannot.
pub(crate) fn check(users: &[String]) -> Result<(), String> {
    match users.iter().find(|user| !Folder::is_allowed(&format!("/{}", encoded(user)))) {
        Some(user) => Err(no_folder(user, "that name is not allowed")),
        None => Ok(()),
    }
}

/// Whether nothing else is where the folders of users are.
///
/// # Errors
/// What there is.
pub(crate) fn check_places(root: &Path, users: &[String]) -> Result<(), String> {
    let paths = users.iter().map(|user| (user, root.join(user)));
    match paths.into_iter().find(|(_, path)| path.symlink_metadata().is_ok_and(|found| !found.is_dir())) {
        Some((user, path)) => Err(no_folder(user, format_args!("{} is no folder", path.display()))),
        None => Ok(()),
    }
}

fn no_folder(user: &str, why: impl Display) -> String {
    format!("the user {user:?} can have no folder: {why}")
}

/// Makes the folders of users that have none.
///
/// # Errors
/// A name is none that a folder may have, or its folder cannot be made.
pub(crate) fn make(folder: &Folder, users: &[String]) -> Result<(), String> {
    check(users)?;
    for user in users {
        let Some(path) = folder.path(&format!("/{}", encoded(user))) else { continue };
        match fs::create_dir(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
                    return Err(no_folder(user, format_args!("{} is no folder", path.display())));
                }
            }
            Err(error) => return Err(no_folder(user, error)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_stands_before_the_path_and_nothing_else_changes() {
        for (asked, user, expected) in [
            ("/a/b?c", "alice", "/alice/a/b?c"),
            ("/", "alice", "/alice/"),
            ("http://server/a", "alice", "http://server/alice/a"),
            ("/a", "EXAMPLE ann/b", "/EXAMPLE%20ann%2Fb/a"),
            ("/a", "jürgen%", "/j%C3%BCrgen%25/a"),
        ] {
            assert_eq!(inside(&asked.parse().unwrap(), user).unwrap(), expected, "{asked}");
        }
        assert_eq!(inside(&"*".parse().unwrap(), "alice"), None);
    }

    #[test]
    fn a_user_whose_name_is_no_name_of_a_folder_has_none() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("file"), "").unwrap();
        std::os::unix::fs::symlink("/tmp", root.path().join("link")).unwrap();
        let folder = Folder::open(root.path()).unwrap();
        make(&folder, &["alice".to_owned(), "j\u{fc}rgen".to_owned()]).unwrap();
        make(&folder, &["alice".to_owned()]).unwrap();
        assert!(root.path().join("alice").is_dir() && root.path().join("j\u{fc}rgen").is_dir());
        for name in ["..", ".", "a/b", "a\\b", ".bits", ".bits-1", "CON", "a:b", "file", "link", ""] {
            assert!(make(&folder, &[name.to_owned()]).is_err(), "{name}");
        }
    }
}
