//! Answers to servers that want to know who uploads.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bits_proto::client::Credentials;
use clap::ValueEnum;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION};

use crate::challenges::{Offer, offers};
use crate::digest::{self, Digests};
use crate::user::User;
use crate::windows::{Handshake, Scheme};

/// By what a name and a password are shown to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Auth {
    /// The password itself
    Basic,
    /// A digest of the password and the request
    Digest,
    /// NTLM
    Ntlm,
    /// Negotiate: Kerberos, or NTLM within it
    Negotiate,
    /// The safest that the server offers
    Auto,
}

/// Who asks, and what it says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker<'c> {
    /// The host that the credentials are for.
    pub(crate) host: &'c str,
    pub(crate) values: &'c [HeaderValue],
    /// How many challenges came before this one without a success in between.
    pub(crate) earlier: u32,
}

/// Whose challenges these are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Party {
    Server,
    /// With its address, and who named it.
    Proxy(String),
}

impl Party {
    /// How the user gives a name and a password.
    const fn options(&self) -> &'static str {
        match self {
            Self::Server => "--user NAME:PASSWORD, or --user NAME and --password-file FILE",
            Self::Proxy(_) => "--proxy URL and --proxy-user NAME:PASSWORD",
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.write_str("the server"),
            Self::Proxy(name) => write!(f, "the proxy {name}"),
        }
    }
}

/// How many answers in a row may be too old.
const MOST_STALE: u32 = 3;

/// Answers the challenges of one party.
#[derive(Debug)]
pub(crate) struct Answerer {
    party: Party,
    user: Option<User>,
    auth: Auth,
    digests: Digests,
    handshake: Option<Handshake>,
    /// Whether a ticket of Kerberos may stand for a name and a password.
    tickets: bool,
}

impl Answerer {
    /// Answers in the name of this user. What is answered by a digest is left to `digests`, which signs each request.
    pub(crate) const fn new(party: Party, user: Option<User>, auth: Auth, digests: Digests) -> Self {
        Self { party, user, auth, digests, handshake: None, tickets: true }
    }

    /// Shows tickets of Kerberos only if this is true.
    pub(crate) fn tickets(self, tickets: bool) -> Self {
        Self { tickets, ..self }
    }

    /// The headers that answer a challenge with what they are, or advice.
    pub(crate) fn answer(&mut self, asker: &Asker<'_>) -> Result<(String, Credentials), String> {
        let offers = offers(asker.values);
        let Some(way) = self.way(&offers) else { return Err(self.no_way(&offers)) };
        let (name, option) = match self.party {
            Party::Server => (AUTHORIZATION, "--user"),
            Party::Proxy(_) => (PROXY_AUTHORIZATION, "--proxy-user"),
        };
        let who = self.party.to_string();
        let Some(user) = self.user.clone() else {
            return match way {
                Way::Handshake(Scheme::Negotiate) if self.tickets => {
                    let refused = format!(
                        "{who} does not accept the Kerberos ticket of kinit: give it {}",
                        self.party.options()
                    );
                    self.shake_hands(Scheme::Negotiate, None, &offers, asker, name, refused)
                }
                _ => Err(format!("{who} wants a name and a password: give it {}", self.party.options())),
            };
        };
        let refused = format!("{who} does not accept the name and password of {}: check {option}", user.name);
        match way {
            Way::Basic if asker.earlier > 0 => Err(refused),
            Way::Basic => {
                let pair = BASE64_STANDARD.encode(user.credentials());
                Ok(("Basic".to_owned(), header(name, &format!("Basic {pair}"))?.into()))
            }
            Way::Digest => {
                let taken_up = self.digests.take_up(&name, &offers, &user);
                let is_stale = taken_up.map_err(|why| format!("{} cannot be used: {why}", digest::NAME))?;
                match asker.earlier {
                    0 => Ok(()),
                    // An answer took longer on its way than the challenge held.
                    1..=MOST_STALE if is_stale => Ok(()),
                    _ => Err(refused),
                }
                .and_then(|()| Ok((digest::NAME.to_owned(), header(name, digest::NAME)?.into())))
            }
            Way::Handshake(scheme) => self.shake_hands(scheme, Some(&user), &offers, asker, name, refused),
        }
    }

    /// Goes on with the handshake of a connection, or begins it: for this user, or by a ticket.
    fn shake_hands(
        &mut self,
        scheme: Scheme,
        user: Option<&User>,
        offers: &[Offer],
        asker: &Asker<'_>,
        name: HeaderName,
        refused: String,
    ) -> Result<(String, Credentials), String> {
        let token = offers.iter().find(|offer| offer.is(scheme.name())).map_or("", |offer| &offer.token);
        let mut handshake = match (self.handshake.take(), user) {
            // The token goes on with it.
            (Some(handshake), _) if !token.is_empty() => handshake,
            // Without one, the server begins anew: what was proved was not enough.
            (Some(_), _) if asker.earlier > 1 => return Err(refused),
            (_, Some(user)) => Handshake::new(scheme, user, asker.host)
                .map_err(|why| format!("{} cannot be used: {why}", scheme.name()))?,
            (_, None) => Handshake::by_ticket(asker.host).map_err(|why| self.no_ticket(&why))?,
        };
        let has_proved = asker.earlier > u32::from(!handshake.proves_at_once());
        let answer = handshake.answer(token).map_err(|why| match (has_proved, user) {
            // A token that says no.
            (true, _) => refused,
            (false, Some(_)) => format!("{} failed: {why}", scheme.name()),
            (false, None) => self.no_ticket(&why),
        })?;
        self.handshake = Some(handshake);
        let credentials = Credentials { headers: header(name, &answer)?, connection_bound: true };
        Ok((scheme.name().to_owned(), credentials))
    }

    fn no_ticket(&self, why: &str) -> String {
        format!("{} wants a name and a password: give it {}; {why}", self.party, self.party.options())
    }

    /// By what to answer, if there is a way.
    fn way(&self, offers: &[Offer]) -> Option<Way> {
        let has = |scheme: &str| offers.iter().any(|offer| offer.is(scheme));
        let wants = |auth| self.auth == auth || self.auth == Auth::Auto;
        if wants(Auth::Negotiate) && has("Negotiate") {
            Some(Way::Handshake(Scheme::Negotiate))
        } else if wants(Auth::Ntlm) && has("NTLM") {
            Some(Way::Handshake(Scheme::Ntlm))
        } else if wants(Auth::Digest) && has(digest::NAME) {
            Some(Way::Digest)
        } else if wants(Auth::Basic) && has("Basic") {
            Some(Way::Basic)
        } else {
            None
        }
    }

    /// Why there is no answer, and what to do.
    fn no_way(&self, offers: &[Offer]) -> String {
        let who = &self.party;
        let names: Vec<_> = offers.iter().map(|offer| offer.scheme.as_str()).collect();
        let names = if names.is_empty() { "no way that it names".to_owned() } else { names.join(", ") };
        let ours = match self.auth {
            Auth::Auto => "this program has Basic, Digest, NTLM and Negotiate",
            _ => "--auth allows another way alone",
        };
        format!("{who} wants credentials by {names}, and {ours}: enable one of them there")
    }
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Basic,
    Digest,
    Handshake(Scheme),
}

fn header(name: HeaderName, value: &str) -> Result<HeaderMap, String> {
    let mut value =
        HeaderValue::from_str(value).map_err(|_| "the name and password cannot be sent".to_owned())?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(name, value)]))
}
