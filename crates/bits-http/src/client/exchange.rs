//! One exchange of an upload: a request on its way, and what is heard of it.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bits_proto::client::{self, ExchangeId, Transmit};
use bits_proto::packet::Payload;
use http::{Request, Response, Uri};

use super::body::{Bodies, Sending};
use super::control::Control;
use super::transport::{Answer, Attempt, Connection, Transport, TransportFailure};

/// How much of a page that nobody wants is read, and for how long, to keep the connection.
const MAX_DRAINED: usize = 64 * 1024;
pub(super) const DRAIN_TIME: Duration = Duration::from_secs(2);

type Heard = Result<Response<()>, TransportFailure>;

/// A request on its way. Dropped, it takes its connection with it.
pub(super) struct Exchange<'t> {
    pub(super) id: ExchangeId,
    pub(super) length: u64,
    pub(super) url: Uri,
    pub(super) answer: Pin<Box<dyn Future<Output = Heard> + Send + 't>>,
    pub(super) sending: Arc<Sending>,
}

impl<'t> Exchange<'t> {
    /// Nothing is sent before the answer is waited for.
    pub(super) fn begin<T: Transport>(
        transport: &'t T,
        transmit: Transmit,
        bodies: &Bodies,
        control: &Control,
    ) -> Self {
        let attempt = Attempt {
            request_timeout: transmit.request_timeout,
            response_timeout: transmit.response_timeout,
            body_timeout: DRAIN_TIME,
            connection: match transmit.connection {
                client::Connection::Any => Connection::Any,
                client::Connection::Fresh => Connection::Fresh,
                client::Connection::SameAs(_) => Connection::Same,
            },
        };
        let sending = Arc::default();
        let (id, url, control) = (transmit.id, transmit.request.uri().clone(), control.clone());
        let (head, payload) = transmit.request.into_parts();
        let range = match payload {
            Payload::Empty => 0..0,
            Payload::Range(range) => range,
        };
        let body = bodies.body(&range, &sending);
        let length = body.len();
        let request = Request::from_parts(head, body);
        let answer = Box::pin(async move {
            let response = transport.send(request, attempt).await?;
            let (parts, body) = response.into_parts();
            drain(transport, body, &control).await;
            Ok(Response::from_parts(parts, ()))
        });
        Self { id, length, url, answer, sending }
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        self.sending.give_up();
    }
}

/// Reads what nobody wants, so that the connection can be used again. A body that is too long, or too slow, is left, and
/// the connection with it.
pub(super) async fn drain<T: Transport>(transport: &T, mut body: T::Answer, control: &Control) {
    let mut left = MAX_DRAINED;
    let drained = async {
        while let Ok(Some(piece)) = body.piece().await {
            let Some(rest) = left.checked_sub(piece.len()) else { return };
            left = rest;
        }
    };
    let _slow = first(drained, transport.wait(Instant::now() + DRAIN_TIME, control)).await;
}

/// What comes of the first, or `None` if the second is done before.
pub(super) async fn first<A>(a: impl Future<Output = A>, b: impl Future) -> Option<A> {
    let (mut a, mut b) = (pin!(a), pin!(b));
    poll_fn(|context| match a.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => b.as_mut().poll(context).map(|_| None),
    })
    .await
}
