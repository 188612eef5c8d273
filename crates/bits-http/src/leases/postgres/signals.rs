//! Signals between processes, over a connection of their own.

use std::future::poll_fn;
use std::time::Duration;

use bits_proto::Guid;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Config, Error, Socket};

use crate::leases::rows::Signal;

/// How long it is waited before the connection is made anew. Lost signals cost the interval of polling.
const AGAIN: Duration = Duration::from_millis(500);

/// How many signals wait to be taken. More are lost.
pub(super) const MOST: usize = 4096;

/// Listens until nobody takes the signals any more.
pub(super) async fn listen<T>(config: Config, tls: T, signals: mpsc::Sender<Signal>)
where
    T: MakeTlsConnect<Socket> + Clone + Send + 'static,
    T::Stream: Send,
    T::TlsConnect: Send,
    <T::TlsConnect as tokio_postgres::tls::TlsConnect<Socket>>::Future: Send,
{
    while !signals.is_closed() {
        let _broken = listen_once(&config, tls.clone(), &signals).await;
        sleep(AGAIN).await;
    }
}

async fn listen_once<T>(config: &Config, tls: T, signals: &mpsc::Sender<Signal>) -> Result<(), Error>
where
    T: MakeTlsConnect<Socket>,
{
    let (client, mut connection) = config.connect(tls).await?;
    let listening = client.batch_execute("LISTEN bits_sessions");
    let forwarding = async {
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            let AsyncMessage::Notification(notification) = message? else { continue };
            if let Some(signal) = parse(notification.payload()) {
                let _lost_if_full = signals.try_send(signal);
            }
        }
        Ok(())
    };
    let (_, forwarded) = tokio::join!(listening, forwarding);
    forwarded
}

fn parse(payload: &str) -> Option<Signal> {
    let (id, newest) = payload.split_once(' ')?;
    Some(Signal { id: Guid::parse(id.as_bytes()).ok()?, newest: newest.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_an_id_and_a_number() {
        let id = "0b5e9d52-3c6f-4c0e-8d6e-5a1b2c3d4e5f";
        let signal = parse(&format!("{id} 12")).unwrap();
        assert_eq!((signal.id.to_string().to_lowercase(), signal.newest), (format!("{{{id}}}"), 12));
        for foreign in ["", id, "x 1", &format!("{id} x"), &format!("{id} -1")] {
            assert_eq!(parse(foreign), None, "{foreign}");
        }
    }
}
