//! Acks of real servers, as a client reads them: rows Q01 to Q31 of the tolerances, as far as a head decides them.

use bits_proto::packet::{
    Ack, CancelSessionAck, CloseSessionAck, ErrorAck, FragmentAck, FragmentStatus, PacketType, PingAck,
};
use bits_proto::{Conformance, Hresult, Malformed, SessionId};
use http::StatusCode;

use Conformance::{Interop, Strict};
use PacketType::{CancelSession, CloseSession, CreateSession, Fragment, Ping};

const ID: &str = "{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}";
const PROTOCOL: &str = "{7df0354d-249b-430f-820d-3d2a9bef4931}";

type Head<'h> = &'h [(&'h str, &'h str)];
type Read = Result<Option<Ack<'static>>, Malformed>;

const ACK: Head<'static> = &[("BITS-Packet-Type", "Ack"), ("Content-Length", "0")];
const CREATED: Head<'static> = &[("BITS-Protocol", PROTOCOL), ("BITS-Session-Id", ID)];
const TAKEN: Head<'static> = &[("BITS-Received-Content-Range", "4892")];

/// A response of these headers, as the answer to a request of type `answers`.
fn read(status: u16, heads: &[Head<'_>], answers: PacketType, conformance: Conformance) -> Read {
    let mut response = http::Response::builder().status(status);
    for (name, value) in heads.iter().copied().flatten() {
        response = response.header(*name, *value);
    }
    let response = response.body(()).unwrap();
    let ack = Ack::decode(&response, answers, conformance).map_err(|error| error.malformed())?;
    Ok(ack.map(Ack::into_owned))
}

/// The legal Ack of each type but its session id, which IIS sends for Create-Session alone.
fn legal(answers: PacketType) -> [Head<'static>; 2] {
    match answers {
        CreateSession => [ACK, CREATED],
        Fragment => [ACK, TAKEN],
        _ => [ACK, &[]],
    }
}

fn fragment_ack(
    status: u16,
    head: Head<'_>,
    conformance: Conformance,
) -> Result<FragmentAck<'static>, Malformed> {
    match read(status, &[ACK, head], Fragment, conformance)? {
        Some(Ack::Fragment(ack)) => Ok(ack),
        other => panic!("{other:?}"),
    }
}

fn error_ack(read: Read) -> ErrorAck {
    match read {
        Ok(Some(Ack::Error(ack))) => ack,
        other => panic!("{other:?}"),
    }
}

#[test]
fn c23_q01_interop_takes_any_2xx_and_strict_200_alone() {
    for answers in [CreateSession, Ping, Fragment, CloseSession, CancelSession] {
        let good = read(200, &legal(answers), answers, Strict);
        assert!(matches!(good, Ok(Some(_))), "{good:?}");
        for status in [200, 201, 202, 204] {
            assert_eq!(read(status, &legal(answers), answers, Interop), good, "{answers} {status}");
        }
        assert_eq!(read(201, &legal(answers), answers, Strict), Err(Malformed::UnexpectedStatus));
    }
}

#[test]
fn q02_only_the_ack_for_create_session_must_name_the_session() {
    for conformance in [Interop, Strict] {
        assert_eq!(read(200, &[ACK], Ping, conformance), Ok(Some(Ack::Ping(PingAck))));
        assert_eq!(
            read(200, &[ACK], CloseSession, conformance),
            Ok(Some(Ack::CloseSession(CloseSessionAck { session_id: None })))
        );
        assert_eq!(
            read(200, &[ACK], CancelSession, conformance),
            Ok(Some(Ack::CancelSession(CancelSessionAck { session_id: None })))
        );
        assert_eq!(fragment_ack(200, TAKEN, conformance).unwrap().session_id, None);
        let nameless = [ACK, &[("BITS-Protocol", PROTOCOL)]];
        assert_eq!(
            read(200, &nameless, CreateSession, conformance),
            Err(Malformed::HeaderMissing("BITS-Session-Id"))
        );
    }
}

#[test]
fn q03_an_echoed_id_is_the_same_in_another_case_or_without_braces() {
    let issued: SessionId = ID.parse().unwrap();
    for echoed in [ID.to_lowercase(), ID[1..37].to_owned(), ID[1..37].to_lowercase()] {
        for (answers, conformance) in [(Fragment, Interop), (CloseSession, Strict), (CancelSession, Strict)] {
            let [ack, rest] = legal(answers);
            let ack = read(200, &[ack, rest, &[("BITS-Session-Id", &echoed)]], answers, conformance);
            assert_eq!(ack.unwrap().unwrap().session_id(), Some(issued), "{echoed}");
        }
    }
    let other = [ACK, &[("BITS-Session-Id", "{A0FF5911-4144-45B3-BF27-27AFC8EC8A68}")]];
    assert_ne!(read(200, &other, CloseSession, Strict).unwrap().unwrap().session_id(), Some(issued));
}

#[test]
fn q04_interop_takes_any_token_as_a_session_id_and_keeps_its_bytes() {
    let longest = "y".repeat(100);
    for id in ["0", "-17", "AbC", "a0ff5911-4144-45b3-bf27-27afc8ec8a67", &*longest] {
        let head = [ACK, &[("BITS-Protocol", PROTOCOL), ("BITS-Session-Id", id)]];
        let ack = read(200, &head, CreateSession, Interop).unwrap().unwrap();
        assert_eq!(ack.session_id().unwrap().as_str(), id);
        let guid = id.len() == 36;
        let invalid = Err(Malformed::HeaderInvalid("BITS-Session-Id"));
        assert_eq!(read(200, &head, CreateSession, Strict), if guid { Ok(Some(ack)) } else { invalid });
    }
    let long = "y".repeat(101);
    for id in ["", "a b", &*long] {
        let head = [ACK, &[("BITS-Protocol", PROTOCOL), ("BITS-Session-Id", id)]];
        let invalid = Err(Malformed::HeaderInvalid("BITS-Session-Id"));
        assert_eq!(read(200, &head, CreateSession, Interop), invalid, "{id:?}");
    }
}

#[test]
fn q04_blanks_around_a_session_id_are_no_part_of_it() {
    for answers in [CreateSession, CloseSession, CancelSession, Fragment] {
        let [ack, rest] = legal(answers);
        let rest: Vec<_> = rest.iter().copied().filter(|(name, _)| *name != "BITS-Session-Id").collect();
        let ack = read(200, &[ack, &rest, &[("BITS-Session-Id", " token\t")]], answers, Interop);
        assert_eq!(ack.unwrap().unwrap().session_id().unwrap().as_str(), "token", "{answers}");
    }
    let error = error_ack(read(500, &[ACK, &[("BITS-Session-Id", " token ")]], Ping, Interop));
    assert_eq!(error.session_id.unwrap().as_str(), "token");
}

#[test]
fn q05_interop_takes_an_ack_without_an_offset() {
    let ack = fragment_ack(200, &[], Interop).unwrap();
    assert_eq!((ack.status, ack.received), (FragmentStatus::Accepted, None));
    let missing = Err(Malformed::HeaderMissing("BITS-Received-Content-Range"));
    assert_eq!(fragment_ack(200, &[], Strict), missing);
}

#[test]
fn q06_interop_reads_the_offset_of_a_416_from_a_misspelled_header() {
    let misspelled = ("BITS-Recieved-Content-Range", "100");
    let ack = fragment_ack(416, &[misspelled], Interop).unwrap();
    assert_eq!((ack.status, ack.received), (FragmentStatus::OutOfStep, Some(100)));
    let both = [misspelled, ("BITS-Received-Content-Range", "200")];
    assert_eq!(fragment_ack(416, &both, Interop).unwrap().received, Some(200));
    assert_eq!(fragment_ack(416, &[], Interop).unwrap().received, None);
    let garbage = ("BITS-Recieved-Content-Range", "garbage");
    assert_eq!(fragment_ack(416, &[garbage], Interop).unwrap().received, None);
    assert_eq!(fragment_ack(416, &[misspelled, garbage], Interop).unwrap().received, None);
    let missing = Err(Malformed::HeaderMissing("BITS-Received-Content-Range"));
    assert_eq!(fragment_ack(416, &[misspelled], Strict), missing);
    assert_eq!(fragment_ack(416, &[], Strict), missing);
}

#[test]
fn q07_forms_of_the_offset() {
    for (text, interop, strict) in [
        ("4892", Some(4892), true),
        ("0", Some(0), true),
        ("004892", Some(4892), true),
        (" 4892 ", Some(4892), false),
        ("bytes 0-4891", Some(4892), false),
        ("Bytes 0-4891/4892", Some(4892), false),
        ("0-4891/4892", Some(4892), false),
        ("0-4891/*", Some(4892), false),
        ("+4892", None, false),
        ("-1", None, false),
        ("4892 4892", None, false),
        ("0-99,200-299", None, false),
        ("4892, 4892", None, false),
        ("0x131C", None, false),
        ("4891-0", None, false),
        ("", None, false),
        ("18446744073709551616", None, false),
    ] {
        let received = |conformance| {
            let head = [("BITS-Received-Content-Range", text)];
            fragment_ack(200, &head, conformance).map(|ack| ack.received)
        };
        let invalid = Err(Malformed::HeaderInvalid("BITS-Received-Content-Range"));
        assert_eq!(received(Interop), interop.map_or(invalid, |offset| Ok(Some(offset))), "{text:?}");
        assert_eq!(received(Strict), if strict { Ok(interop) } else { invalid }, "{text:?}");
    }
}

#[test]
fn q11_a_416_says_where_to_go_on_whatever_its_code() {
    for (code, strict) in
        [(None, true), (Some("0x0"), true), (Some("0x80070057"), false), (Some("0x80070005"), false)]
    {
        let error = code.map(|code| ("BITS-Error", code));
        let head: Vec<_> = TAKEN.iter().copied().chain(error).collect();
        let ack = fragment_ack(416, &head, Interop).unwrap();
        assert_eq!((ack.status, ack.received), (FragmentStatus::OutOfStep, Some(4892)), "{code:?}");
        match read(416, &[ACK, &head], Fragment, Strict) {
            Ok(Some(Ack::Fragment(ack))) => assert!(strict && ack.received == Some(4892), "{code:?}"),
            Ok(Some(Ack::Error(ack))) => assert!(!strict && ack.received == Some(4892), "{code:?}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_session_not_found_on_a_416_is_not_to_be_overheard() {
    // Section 6: any error with this code starts the upload over; an offset in a lost session helps nobody.
    let head = [ACK, TAKEN, &[("BITS-Error-Code", "0x8020001F")]];
    assert_eq!(error_ack(read(416, &head, Fragment, Interop)).code, Some(Hresult::BG_E_SESSION_NOT_FOUND));
}

#[test]
fn a_416_for_anything_but_a_fragment_is_an_error() {
    for answers in [CreateSession, Ping, CloseSession, CancelSession] {
        for conformance in [Interop, Strict] {
            let ack = error_ack(read(416, &[ACK, TAKEN], answers, conformance));
            assert_eq!(ack.status, StatusCode::RANGE_NOT_SATISFIABLE);
        }
    }
}

#[test]
fn q12_a_failure_code_on_a_2xx_is_an_error_but_for_a_ping() {
    let too_large: Head<'_> = &[("BITS-Error-Code", "0x80200020")];
    for answers in [CreateSession, Fragment, CloseSession, CancelSession] {
        let [ack, rest] = legal(answers);
        let ack = error_ack(read(200, &[ack, rest, too_large], answers, Interop));
        assert_eq!((ack.status, ack.code), (StatusCode::OK, Some(Hresult::BG_E_TOO_LARGE)), "{answers}");
    }
    assert_eq!(read(200, &[ACK, too_large], Ping, Interop), Ok(Some(Ack::Ping(PingAck))));
}

#[test]
fn q12_a_success_code_on_a_2xx_is_ignored_in_interop_and_an_offence_in_strict() {
    for answers in [CreateSession, Ping, Fragment, CloseSession, CancelSession] {
        let [ack, rest] = legal(answers);
        for code in ["0x0", "0x1", "0x00200020", "", "garbage"] {
            let head = &[("BITS-Error", code), ("BITS-Error-Context", "0x5")];
            let plain = read(200, &legal(answers), answers, Interop);
            assert_eq!(read(200, &[ack, rest, head], answers, Interop), plain, "{answers} {code:?}");
        }
        for code in ["0x0", "0x80200020"] {
            let head = &[("BITS-Error", code)];
            assert_eq!(read(200, &[ack, rest, head], answers, Strict), Err(Malformed::UnexpectedStatus));
        }
    }
}
