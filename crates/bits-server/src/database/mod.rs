//! The database that servers share: its URL, TLS to it, and a look at it.

mod check;
mod stream;
mod tls;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

pub(crate) use check::check;
pub(crate) use tls::Connector;

/// How a database is reached.
pub(crate) struct Database {
    pub(crate) config: Config,
    pub(crate) tls: Connector,
}

/// What of the server's certificate is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    Nothing,
    /// Somebody who is trusted has signed it.
    Chain,
    /// And it is of the host that was asked for.
    ChainAndName,
}

/// What a URL says of TLS, in the words of libpq.
#[derive(Debug, PartialEq, Eq)]
struct Tls {
    mode: SslMode,
    check: Check,
    /// Whom to trust; `None`: whom this machine trusts.
    ca: Option<PathBuf>,
}

impl Database {
    /// The database of this URL.
    ///
    /// # Errors
    /// What is wrong with it. The URL is not in the text, because it may have a password in it.
    pub(crate) fn of(url: &str) -> Result<Self, String> {
        let (url, tls) = Tls::read(url)?;
        let mut config: Config = url.parse().map_err(|_| "the URL of the database makes no sense")?;
        config.application_name("bits-server").ssl_mode(tls.mode);
        let tls = Connector::new(tls.check, tls.ca.as_deref())?;
        Ok(Self { config, tls })
    }
}

impl Tls {
    /// Takes the parameters of TLS out of a URL: tokio-postgres knows half of them.
    fn read(url: &str) -> Result<(String, Self), String> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut ca, mut others) = ("prefer", None, Vec::new());
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", value)) => mode = value,
                Some(("sslrootcert", value)) => ca = Some(value),
                _ => others.push(parameter),
            }
        }
        let url = match others.is_empty() {
            true => base.to_owned(),
            false => format!("{base}?{}", others.join("&")),
        };
        let ca = ca.filter(|ca| *ca != "system").map(decoded).transpose()?;
        let (mode, check) = match mode {
            "disable" => (SslMode::Disable, Check::Nothing),
            "prefer" => (SslMode::Prefer, Check::Nothing),
            "require" if ca.is_none() => (SslMode::Require, Check::Nothing),
            "require" | "verify-ca" => (SslMode::Require, Check::Chain),
            "verify-full" => (SslMode::Require, Check::ChainAndName),
            _ => return Err("sslmode is disable, prefer, require, verify-ca or verify-full".to_owned()),
        };
        match check == Check::Chain && ca.is_none() {
            true => Err("sslmode=verify-ca needs sslrootcert=FILE: anybody has a certificate of somebody whom this machine trusts".to_owned()),
            false => Ok((url, Self { mode, check, ca })),
        }
    }
}

/// A path as it is written in a URL.
fn decoded(text: &str) -> Result<PathBuf, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        bytes.push(match byte {
            b'%' => match (digit(rest.next()), digit(rest.next())) {
                (Some(high), Some(low)) => u8::try_from(high * 16 + low).unwrap_or_default(),
                _ => return Err("sslrootcert has a percent sign without two digits".to_owned()),
            },
            byte => byte,
        });
    }
    Ok(OsString::from_vec(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(mode: SslMode, check: Check, ca: Option<&str>) -> Tls {
        Tls { mode, check, ca: ca.map(PathBuf::from) }
    }

    #[test]
    fn the_words_of_libpq_say_what_is_checked() {
        for (query, rest, expected) in [
            ("", "", tls(SslMode::Prefer, Check::Nothing, None)),
            ("?sslmode=disable", "", tls(SslMode::Disable, Check::Nothing, None)),
            ("?sslmode=require", "", tls(SslMode::Require, Check::Nothing, None)),
            ("?sslmode=require&sslrootcert=/a%20b", "", tls(SslMode::Require, Check::Chain, Some("/a b"))),
            ("?sslmode=verify-full", "", tls(SslMode::Require, Check::ChainAndName, None)),
            ("?sslrootcert=system&sslmode=verify-full", "", tls(SslMode::Require, Check::ChainAndName, None)),
            (
                "?connect_timeout=3&sslmode=verify-ca&sslrootcert=/ca&options=-c%20x",
                "?connect_timeout=3&options=-c%20x",
                tls(SslMode::Require, Check::Chain, Some("/ca")),
            ),
        ] {
            let read = Tls::read(&format!("postgres://a:b@c/d{query}")).unwrap();
            assert_eq!(read, (format!("postgres://a:b@c/d{rest}"), expected), "{query}");
        }
        for wrong in ["?sslmode=allow", "?sslmode=verify-ca", "?sslmode=", "?sslmode=require&sslrootcert=%2"]
        {
            let told = Tls::read(&format!("postgres://a:secret@c/d{wrong}")).unwrap_err();
            assert!(told.contains("ssl") && !told.contains("secret"), "{told}");
        }
    }
}
