//! The users who may upload: Basic authentication (RFC 7617).

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::passwords::{self, Known, Secret};

/// Who owns a session: the name of a user, or nothing where nobody authenticates.
pub(crate) type Owner = String;

/// Somebody who may upload.
#[derive(Clone)]
pub(crate) struct User {
    name: Owner,
    secret: Secret,
}

/// Those who may upload. They can be replaced while the server runs.
#[derive(Debug)]
pub(crate) struct Users {
    users: RwLock<Arc<[User]>>,
    known: Known,
}

impl Users {
    /// A password for each name: of two, nobody would know which one still lets somebody in.
    pub(crate) fn new(users: Vec<User>) -> Result<Self, String> {
        Ok(Self { users: RwLock::new(checked(users)?), known: Known::new() })
    }

    /// Replaces all users. What they own stays theirs, by name.
    pub(crate) fn replace(&self, users: Vec<User>) -> Result<(), String> {
        let users = checked(users)?;
        *self.users.write().unwrap_or_else(PoisonError::into_inner) = users;
        Ok(())
    }

    /// Begins to authenticate a request.
    pub(crate) fn begin(&self, headers: &HeaderMap) -> Attempt<'_> {
        let users = Arc::clone(&self.users.read().unwrap_or_else(PoisonError::into_inner));
        if users.is_empty() {
            return Attempt::Decided(Ok(Owner::default()));
        }
        let Some(given) = credentials(headers) else { return Attempt::Decided(Err(Wrong::Nothing)) };
        // By name first: a hash may be slow, and is computed for one user alone.
        let name = given.split(|byte| *byte == b':').next().unwrap_or_default();
        let Some(user) = users.iter().find(|user| user.name.as_bytes() == name).cloned() else {
            return Attempt::Decided(Err(Wrong::Password));
        };
        if user.secret.is_slow() && !user.secret.is_known(&given, &self.known) {
            return Attempt::Slow(Slow { user, given, known: &self.known });
        }
        Attempt::Decided(if user.secret.is(&given, &self.known) {
            Ok(user.name)
        } else {
            Err(Wrong::Password)
        })
    }

    /// The names of all users.
    pub(crate) fn names(&self) -> Vec<Owner> {
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        users.iter().map(|user| user.name.clone()).collect()
    }
}

/// Why nobody is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// There is no name and password.
    Nothing,
    /// They are wrong.
    Password,
}

/// A request that wants to be authenticated.
pub(crate) enum Attempt<'u> {
    /// The user, or the empty name where there are no users.
    Decided(Result<Owner, Wrong>),
    /// It takes a while to know.
    Slow(Slow<'u>),
}

/// A password whose hash is slow on purpose.
pub(crate) struct Slow<'u> {
    user: User,
    given: Vec<u8>,
    known: &'u Known,
}

impl Slow<'_> {
    pub(crate) fn name(&self) -> &str {
        &self.user.name
    }

    pub(crate) fn is_right(&self) -> bool {
        self.user.secret.is(&self.given, self.known)
    }
}

fn checked(users: Vec<User>) -> Result<Arc<[User]>, String> {
    let mut names = BTreeSet::new();
    match users.iter().find(|user| !names.insert(&user.name)) {
        Some(user) => Err(format!("the user {:?} is there twice: leave one password", user.name)),
        None => Ok(users.into()),
    }
}

fn credentials(headers: &HeaderMap) -> Option<Vec<u8>> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    // Of two, a proxy may have looked at the other one.
    let only = all.next().filter(|_| all.next().is_none())?;
    let (scheme, encoded) = only.to_str().ok()?.split_once(' ')?;
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok()?;
    scheme.eq_ignore_ascii_case("basic").then_some(decoded)
}

/// The users of a file: `NAME:PASSWORD` a line, or what `htpasswd` writes; empty lines, and those that begin with `#`, do not count.
pub(crate) fn read(path: &Path) -> io::Result<Vec<User>> {
    let shown = path.display();
    let mut text = String::new();
    let read = File::open(path).and_then(|mut file| file.read_to_string(&mut text));
    read.map_err(|error| io::Error::other(format!("{shown} cannot be read: {error}")))?;
    // Some editors put a byte order mark there.
    let lines = text
        .trim_start_matches('\u{feff}')
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let users = lines.map(|(index, line)| {
        line.parse().map_err(|error| io::Error::other(format!("{shown}, line {}: {error}", index + 1)))
    });
    let users = users.collect::<Result<Vec<_>, _>>()?;
    // Where there are no users, everybody may upload.
    if users.is_empty() {
        return Err(io::Error::other(format!("{shown} has no user in it: NAME:PASSWORD is wanted")));
    }
    Ok(users)
}

impl FromStr for User {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((_, password)) if passwords::is_unusable_hash(password) => {
                Err("that hash is not understood, or not whole: htpasswd -B makes one that is")
            }
            Some((name, password)) if !name.is_empty() && !password.is_empty() => {
                Ok(Self { name: name.to_owned(), secret: Secret::parse(name, password) })
            }
            _ => Err("a user is NAME:PASSWORD, neither of them empty"),
        }
    }
}

/// Without the password.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "User({:?})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authenticated(users: &[&str], authorization: &str) -> Option<Owner> {
        let users = Users::new(users.iter().map(|user| user.parse().unwrap()).collect()).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, authorization.parse().unwrap());
        decided(&users, &headers).ok()
    }

    fn decided(users: &Users, headers: &HeaderMap) -> Result<Owner, Wrong> {
        match users.begin(headers) {
            Attempt::Decided(decided) => decided,
            Attempt::Slow(slow) if slow.is_right() => Ok(slow.name().to_owned()),
            Attempt::Slow(_) => Err(Wrong::Password),
        }
    }

    #[test]
    fn the_right_password_names_the_user() {
        // RFC 7617 §2 and §2.1: the credentials of its examples.
        let users = ["Aladdin:open sesame", "test:123£"];
        assert_eq!(authenticated(&users, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==").as_deref(), Some("Aladdin"));
        assert_eq!(authenticated(&users, "basic dGVzdDoxMjPCow==").as_deref(), Some("test"));
    }

    #[test]
    fn nothing_else_does() {
        let users = ["Aladdin:open sesame!"];
        for authorization in [
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZSE=",
            "Basic",
            "Basic ",
            "Basic %%%",
        ] {
            assert_eq!(authenticated(&users, authorization), None, "{authorization}");
        }
        let users = Users::new(vec!["Aladdin:open sesame".parse().unwrap()]).unwrap();
        let mut twice = HeaderMap::new();
        twice.append(AUTHORIZATION, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==".parse().unwrap());
        assert!(decided(&users, &twice).is_ok());
        twice.append(AUTHORIZATION, "Basic QWxhZGRpbjp4".parse().unwrap());
        assert_eq!(decided(&users, &twice), Err(Wrong::Nothing));
        assert_eq!(decided(&users, &HeaderMap::new()), Err(Wrong::Nothing));
    }

    #[test]
    fn without_users_everybody_is_one() {
        assert_eq!(decided(&Users::new(Vec::new()).unwrap(), &HeaderMap::new()).as_deref(), Ok(""));
    }

    #[test]
    fn nobody_has_two_passwords() {
        let users = ["a:1", "b:1", "a:2"].map(|user| user.parse().unwrap());
        assert!(Users::new(users.into()).unwrap_err().contains("\"a\" is there twice"));
    }

    #[test]
    fn a_file_has_a_user_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        let names = |text: &[u8]| {
            std::fs::write(&path, text).unwrap();
            let users = read(&path).map_err(|error| error.to_string())?;
            Ok::<_, String>(users.into_iter().map(|user| user.name).collect::<Vec<_>>())
        };
        assert_eq!(names(b"# who\r\na:1\r\n\r\nb:x:y").unwrap(), ["a", "b"]);
        assert!(names(b"a:1\n\nnobody\n").unwrap_err().contains("users, line 3: "));
        for nobody in ["", "\n", "# a:1\n"] {
            assert!(names(nobody.as_bytes()).unwrap_err().contains("no user in it"), "{nobody:?}");
        }
        assert!(names(b"\xFF:1").unwrap_err().contains("cannot be read"));
        assert!(read(&folder.path().join("none")).is_err());
    }

    #[test]
    fn neither_name_nor_password_may_be_empty() {
        for text in ["", "name", "name:", ":password", ":"] {
            assert!(text.parse::<User>().is_err(), "{text}");
        }
    }
}
