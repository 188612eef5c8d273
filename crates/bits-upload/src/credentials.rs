//! Answers to servers that want to know who uploads.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bits_http::client::Challenge;
use bits_proto::client::Credentials;
use clap::ValueEnum;
use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION};

use crate::challenges::{Offer, offers};
use crate::user::User;
use crate::windows::{Handshake, Scheme};

/// By what a name and a password are shown to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Auth {
    /// The password itself
    Basic,
    /// NTLM
    Ntlm,
    /// Negotiate: Kerberos, or NTLM within it
    Negotiate,
    /// The safest that the server offers
    Auto,
}

/// Answers the challenges of one upload.
#[derive(Debug)]
pub(crate) struct Answerer {
    user: Option<User>,
    proxy_user: Option<User>,
    auth: Auth,
    handshake: Option<Handshake>,
}

impl Answerer {
    pub(crate) const fn new(user: Option<User>, proxy_user: Option<User>, auth: Auth) -> Self {
        Self { user, proxy_user, auth, handshake: None }
    }

    /// The headers that answer a challenge with what they are, or advice.
    pub(crate) fn answer(&mut self, challenge: &Challenge<'_>) -> Result<(String, Credentials), String> {
        let is_proxy = challenge.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED;
        let (who, option) = if is_proxy { ("proxy", "--proxy-user") } else { ("server", "--user") };
        let offers = offers(challenge.values);
        let user = if is_proxy { &self.proxy_user } else { &self.user };
        let way = self.way(&offers);
        let (Some(user), Some(way)) = (user.clone(), way) else {
            return Err(no_way(who, option, user.is_some(), way.is_some(), &offers, self.auth));
        };
        let name = if is_proxy { PROXY_AUTHORIZATION } else { AUTHORIZATION };
        let refused =
            || format!("the {who} does not accept the name and password of {}: check {option}", user.name);
        let Way::Handshake(scheme) = way else {
            if challenge.earlier > 0 {
                return Err(refused());
            }
            let pair = BASE64_STANDARD.encode(user.credentials());
            return Ok(("Basic".to_owned(), header(name, &format!("Basic {pair}"))?.into()));
        };
        let token = offers.iter().find(|offer| offer.is(scheme.name())).map_or("", |offer| &offer.token);
        let mut handshake = match self.handshake.take() {
            // The token goes on with it.
            Some(handshake) if !token.is_empty() => handshake,
            // Without one, the server begins anew: what was proved was not enough.
            Some(_) if challenge.earlier > 1 => return Err(refused()),
            _ => {
                let host = challenge.url.host().unwrap_or_default();
                Handshake::new(scheme, &user, host)
                    .map_err(|why| format!("{} cannot be used: {why}", scheme.name()))?
            }
        };
        let has_proved = challenge.earlier > 1;
        let answer = handshake.answer(token).map_err(|why| match has_proved {
            // A token that says no.
            true => refused(),
            false => format!("{} failed: {why}", scheme.name()),
        })?;
        self.handshake = Some(handshake);
        let credentials = Credentials { headers: header(name, &answer)?, connection_bound: true };
        Ok((scheme.name().to_owned(), credentials))
    }

    /// By what to answer, if there is a way.
    fn way(&self, offers: &[Offer]) -> Option<Way> {
        let has = |scheme: &str| offers.iter().any(|offer| offer.is(scheme));
        let wants = |auth| self.auth == auth || self.auth == Auth::Auto;
        if wants(Auth::Negotiate) && has("Negotiate") {
            Some(Way::Handshake(Scheme::Negotiate))
        } else if wants(Auth::Ntlm) && has("NTLM") {
            Some(Way::Handshake(Scheme::Ntlm))
        } else if wants(Auth::Basic) && has("Basic") {
            Some(Way::Basic)
        } else {
            None
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Basic,
    Handshake(Scheme),
}

fn header(name: HeaderName, value: &str) -> Result<HeaderMap, String> {
    let mut value =
        HeaderValue::from_str(value).map_err(|_| "the name and password cannot be sent".to_owned())?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(name, value)]))
}

fn no_way(who: &str, option: &str, has_user: bool, has_way: bool, offers: &[Offer], auth: Auth) -> String {
    if has_way && !has_user {
        let file =
            if option == "--user" { ", or --user NAME and --password-file FILE" } else { " and --proxy URL" };
        return format!("the {who} wants a name and a password: give it {option} NAME:PASSWORD, {file}");
    }
    let names: Vec<_> = offers.iter().map(|offer| offer.scheme.as_str()).collect();
    let names = if names.is_empty() { "no way that it names".to_owned() } else { names.join(", ") };
    let ours = match auth {
        Auth::Auto => "this program has Basic, NTLM and Negotiate",
        _ => "--auth allows another way alone",
    };
    format!("the {who} wants credentials by {names}, and {ours}: enable one of them for this directory")
}
