//! The place of an upload, recognised by what it tells and by what it would do next.

use bits_proto::client::State;
use bits_proto::client::transitions::{Place, Sight, Stimulus};
use bits_proto::packet::PacketType;

use super::scene::Scene;
use super::setup::{FRAGMENT, Setup};

/// Where an upload stands at the end of a path, by what it tells and by what it would do next.
pub fn recognise(setup: Setup, path: &[Stimulus]) -> Place {
    use Stimulus::*;
    let replay = || Scene::replay(setup, path);
    let probe = |stimuli: &[Stimulus]| {
        let mut scene = replay();
        for &stimulus in stimuli {
            scene.act(stimulus).expect("a packet is answered, and a wait ends");
        }
        scene.seen
    };
    let scene = replay();
    let resumed = || Scene::replay(setup, path).upload.resume(scene.now);
    match scene.upload.state() {
        State::Completed => Place::Completed,
        State::Cancelled => Place::Cancelled,
        State::Suspended => Place::Suspended,
        State::WaitingForReply => Place::NeedsReply,
        State::WaitingForCredentials => Place::NeedsCredentials,
        State::Pacing => Place::Pacing,
        State::Failed if resumed().is_err() => Place::Withdrawn,
        State::Failed => Place::Failed,
        State::WaitingToRetry => {
            // Where the upload gives up before the wait ends, one that does not tells what it would have done.
            let left_host = path.contains(&HostFallbackTimer);
            let fallback = if left_host { setup.fallback } else { setup.fallback.map(|_| "1000000") };
            let mut later = Scene::replay(Setup { give_up_after: None, fallback, ..setup }, path);
            later.wait();
            match later.packet() {
                Some(PacketType::Ping) if scene.upload.session_id().is_some() => {
                    later.seen.clear();
                    later.act(Success);
                    let doubt = later.seen.contains(&Sight::Restarted);
                    if doubt { Place::WaitingInDoubt } else { Place::WaitingToPing }
                }
                _ => Place::Waiting,
            }
        }
        State::Exchanging(_) if resumed().is_ok() => Place::Suspending,
        State::Exchanging(PacketType::Ping) => {
            let seen = probe(&[Success]);
            match scene.upload.session_id() {
                None => Place::PingingFirst,
                Some(_) if seen.contains(&Sight::Restarted) => Place::PingingInDoubt,
                Some(_) => Place::Pinging,
            }
        }
        State::Exchanging(PacketType::CreateSession) => {
            let cancels = probe(&[Success]).contains(&Sight::Send(PacketType::CancelSession));
            if cancels { Place::LeavingCreate } else { Place::Creating }
        }
        State::Exchanging(PacketType::Fragment) => {
            let last = scene.range().is_some_and(|range| range.end == 2 * FRAGMENT);
            if last { Place::SendingLast } else { Place::Sending }
        }
        State::Exchanging(PacketType::CloseSession) => {
            let again = probe(&[SessionNotFound]).contains(&Sight::Unconfirmed);
            let leaves = probe(&[EmptyNoAck]).contains(&Sight::Send(PacketType::CancelSession));
            match (leaves, again) {
                (false, false) => Place::Closing,
                (false, true) => Place::ClosingAgain,
                (true, false) => Place::LeavingClose,
                (true, true) => Place::LeavingCloseAgain,
            }
        }
        State::Exchanging(PacketType::CancelSession) => {
            let creates = probe(&[Success]).contains(&Sight::Send(PacketType::CreateSession));
            if creates { Place::StartingOver } else { Place::Leaving }
        }
        other => panic!("what is {other:?}?"),
    }
}
