//! A request that arrived: read, and routed before any session is looked up.

use http::Uri;

use super::answer;
use super::directory::Directory;
use crate::packet::{Ack, Conformance, DecodeError, ErrorAck, PacketType, Request, RequestHead};
use crate::vocabulary::{Guid, ProtocolId, SessionId};

/// A request of this protocol that arrived: its packet, or what makes its head unreadable; its destination; its owner.
///
/// Made by [`Directory::read`]. A program with a [`Sessions`](super::Sessions) table never sees one.
#[derive(Debug)]
pub struct Arrival<'r, O = ()> {
    pub(super) packet: Result<Request<'r>, DecodeError>,
    pub(super) target: &'r Uri,
    pub(super) owner: &'r O,
}

impl<'r, O> Arrival<'r, O> {
    /// The packet.
    ///
    /// # Errors
    /// What makes the head unreadable.
    pub const fn packet(&self) -> Result<&Request<'r>, &DecodeError> {
        self.packet.as_ref()
    }

    /// The client: the caller's authenticated user, or anything else that tells owners apart.
    #[must_use]
    pub const fn owner(&self) -> &'r O {
        self.owner
    }

    /// The place where the client wants the entity: the path and query of the request, as it wrote them. The host does not
    /// count, as a Host-Id changes it.
    #[must_use]
    pub fn destination(&self) -> &'r str {
        self.target.path_and_query().map_or("/", |target| target.as_str())
    }

    /// The session that the request names.
    fn session_id(&self) -> Option<SessionId> {
        match &self.packet {
            Ok(request) => request.session_id(),
            Err(error) => error.session_id(),
        }
    }

    fn error(&self, error: ErrorAck) -> Ack<'static> {
        Ack::Error(ErrorAck { session_id: self.session_id(), ..error })
    }
}

/// The next step for a request. [`Sessions`](super::Sessions) takes it by itself; a program that keeps its sessions elsewhere
/// takes it in its own code.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "a server must do every one of these")]
pub enum Route {
    /// Answer at once: the request is refused before any session is looked up.
    Answer(Ack<'static>),
    /// Decide whether the client may upload here; if it may, answer `Ack::Ping(PingAck)`.
    Ping,
    /// Open a new session: [`Session::open`](super::Session::open).
    Create,
    /// Hand the request to this session, if there is one; if not, answer [`Directory::session_not_found`].
    Session(Guid),
}

impl Directory {
    /// Reads a request's head as this directory reads requests: with its conformance, and the method override where it is
    /// allowed. `None`: the request is not of this protocol.
    ///
    /// A head of this protocol that cannot be read is an arrival as well: a Fragment that is refused by its head alone still
    /// was a Fragment ([C70](crate::manual::decisions#c70)).
    pub fn read<'r, O>(&self, head: impl Into<RequestHead<'r>>, owner: &'r O) -> Option<Arrival<'r, O>> {
        let head = head.into();
        let packet = match self.method_override && !self.conformance.is_strict() {
            true => Request::decode_tunnelled(head, self.conformance),
            false => Request::decode(head, self.conformance),
        };
        packet.transpose().map(|packet| Arrival { packet, target: head.target, owner })
    }

    /// Says what a request is about (§3.2.5.2.2), for programs that keep their sessions elsewhere than in
    /// [`Sessions`](super::Sessions).
    ///
    /// ```
    /// use bits_proto::packet::{CloseSession, Ping, Request};
    /// use bits_proto::server::{Directory, Route};
    ///
    /// let directory = Directory::default();
    /// let url = "http://server/docs/udhr.txt".parse()?;
    /// let route = |request: Request<'_>| {
    ///     let head = request.to_http(&url);
    ///     directory.route(&directory.read(&head, &()).expect("of this protocol"))
    /// };
    /// assert_eq!(route(Request::Ping(Ping)), Route::Ping);
    ///
    /// let session_id = "{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}".parse()?;
    /// let close = Request::CloseSession(CloseSession { session_id, content_name: None });
    /// assert_eq!(route(close), Route::Session("{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn route<O>(&self, arrival: &Arrival<'_, O>) -> Route {
        let request = match &arrival.packet {
            Ok(request) => request,
            Err(error) => {
                let session = error.session_id().and_then(|id| id.guid());
                return match (error.packet_type(), session) {
                    (Some(PacketType::Fragment), Some(id)) if self.enabled => Route::Session(id),
                    _ => Route::Answer(Ack::Error(error.to_ack())),
                };
            }
        };
        if !self.enabled {
            return Route::Answer(arrival.error(answer::not_enabled()));
        }
        match request {
            Request::Ping(_) => Route::Ping,
            Request::CreateSession(create)
                if create.protocols.contains(ProtocolId::BITS_1_5, self.conformance) =>
            {
                Route::Create
            }
            Request::CreateSession(_) => Route::Answer(arrival.error(answer::invalid())),
            Request::Fragment(_) | Request::CloseSession(_) | Request::CancelSession(_) => {
                match request.session_id().and_then(|id| id.guid()) {
                    Some(guid) => Route::Session(guid),
                    None => Route::Answer(self.session_not_found(arrival)),
                }
            }
        }
    }

    /// The answer to a request whose session is unknown: wrong, expired or ended. If its head cannot be read, the answer says
    /// that instead.
    #[must_use]
    pub fn session_not_found<O>(&self, arrival: &Arrival<'_, O>) -> Ack<'static> {
        match &arrival.packet {
            Ok(_) => arrival.error(answer::session_not_found()),
            Err(error) => Ack::Error(error.to_ack()),
        }
    }

    /// The answer to a Create-Session where there are too many sessions, in all or of one owner.
    #[must_use]
    pub fn too_many_sessions(&self) -> Ack<'static> {
        Ack::Error(answer::busy())
    }

    /// The same path; and in strict the same query, in which access tokens change (Q58).
    pub(super) fn is_same_destination(&self, one: &str, other: &str) -> bool {
        match self.conformance {
            // Nearly always they are the same to the letter.
            Conformance::Interop => one == other || path(one) == path(other),
            Conformance::Strict => one == other,
        }
    }
}

/// A destination without its query.
pub(super) fn path(destination: &str) -> &str {
    destination.split_once('?').map_or(destination, |(path, _)| path)
}
