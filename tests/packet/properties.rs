//! Properties of every packet and every head, whoever sent it.

use bits_proto::packet::{Ack, PacketType, Request, RequestHead, ResponseHead};
use bits_proto::{Conformance, DecodeError, ErrorContext, Hresult, SessionId};
use http::{Method, StatusCode, Uri};
use proptest::prelude::*;
use testing::{generated, hostile};

use Conformance::{Interop, Strict};

fn destination() -> Uri {
    Uri::from_static("http://frankcao8/upload/2000mb-rfc2119.txt")
}

/// Ids that are equal may differ in their bytes; a packet must keep those too.
fn text(id: Option<SessionId>) -> Option<String> {
    id.map(|id| id.as_str().to_owned())
}

fn check_request(packet: &Request<'_>, conformance: Conformance) -> Result<(), TestCaseError> {
    let sent = packet.to_http(&destination());
    prop_assert_eq!(sent.headers()["content-length"].to_str().unwrap(), sent.body().len().to_string());
    let read = Request::decode(&sent, conformance).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(read.as_ref(), Some(packet));
    prop_assert_eq!(read.map(|read| text(read.session_id())), Some(text(packet.session_id())));
    Ok(())
}

fn check_ack(ack: &Ack<'_>, answers: PacketType, conformance: Conformance) -> Result<(), TestCaseError> {
    let sent = ack.to_response();
    let read =
        Ack::decode(&sent, answers, conformance).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(read.as_ref(), Some(ack));
    prop_assert_eq!(read.map(|read| text(read.session_id())), Some(text(ack.session_id())));
    Ok(())
}

/// The answer to a bad request is an Ack that every client understands, whatever its request was.
fn check_answer(error: &DecodeError) -> Result<(), TestCaseError> {
    let answer = error.to_response();
    prop_assert!(matches!(answer.status(), StatusCode::BAD_REQUEST | StatusCode::LENGTH_REQUIRED));
    for answers in generated::REQUEST_TYPES {
        // Strict takes no session id that is no GUID, though interop echoes one.
        let is_strict = error.session_id().is_none_or(|id| id.guid().is_some());
        for conformance in if is_strict { &[Interop, Strict][..] } else { &[Interop] } {
            let Ok(Some(Ack::Error(ack))) = Ack::decode(&answer, answers, *conformance) else {
                return Err(TestCaseError::fail(format!("{answer:?} is no error")));
            };
            prop_assert_eq!(ack.status, error.status());
            prop_assert_eq!(ack.code, Some(Hresult::E_INVALIDARG));
            prop_assert_eq!(ack.context, Some(ErrorContext::REMOTE_FILE));
            prop_assert_eq!(text(ack.session_id), text(error.session_id()));
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn every_legal_request_comes_back_in_interop(packet in generated::requests(Interop)) {
        check_request(&packet, Interop)?;
    }

    #[test]
    fn every_strictly_legal_request_comes_back_at_both_levels(packet in generated::requests(Strict)) {
        check_request(&packet, Strict)?;
        check_request(&packet, Interop)?;
    }

    #[test]
    fn every_legal_ack_comes_back_in_interop((answers, ack) in generated::acks(Interop)) {
        check_ack(&ack, answers, Interop)?;
    }

    #[test]
    fn every_strictly_legal_ack_comes_back_at_both_levels((answers, ack) in generated::acks(Strict)) {
        check_ack(&ack, answers, Strict)?;
        check_ack(&ack, answers, Interop)?;
    }

    #[test]
    fn owning_a_packet_changes_nothing(packet in generated::requests(Interop), (answers, ack) in generated::acks(Interop)) {
        let sent = packet.to_http(&destination());
        let read = Request::decode(&sent, Interop).unwrap().unwrap();
        prop_assert_eq!(read.clone().into_owned(), read);
        let sent = ack.to_response();
        let read = Ack::decode(&sent, answers, Interop).unwrap().unwrap();
        prop_assert_eq!(read.clone().into_owned(), read);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn any_head_of_a_request_has_an_answer(
        method in hostile::method(),
        version in hostile::version(),
        headers in hostile::headers(),
    ) {
        let head = RequestHead { method: &method, target: &Uri::default(), version, headers: &headers };
        let [interop, strict] = [Interop, Strict].map(|conformance| Request::decode(head, conformance));
        for read in [&interop, &strict] {
            prop_assert_eq!(read == &Ok(None), method.as_str() != "BITS_POST");
            match read {
                Ok(Some(packet)) => check_request(packet, Interop)?,
                Ok(None) => {}
                Err(error) => {
                    check_answer(error)?;
                    let mut types = headers.get_all("bits-packet-type").iter();
                    let is_fragment = types.any(|value| PacketType::parse(value.as_bytes()) == Some(PacketType::Fragment));
                    prop_assert!(!is_fragment || error.packet_type() == Some(PacketType::Fragment), "C70");
                }
            }
        }
        if let Ok(Some(_)) = &strict {
            prop_assert_eq!(&interop, &strict);
        }
        let tunnelled = Request::decode_tunnelled(head, Interop);
        if method == Method::POST {
            prop_assert!(headers.contains_key("x-http-method-override") || tunnelled == Ok(None));
        } else {
            prop_assert_eq!(tunnelled, interop);
        }
    }

    #[test]
    fn any_head_of_a_response_is_an_ack_or_none_or_refused(
        status in hostile::status(),
        version in hostile::version(),
        headers in hostile::headers(),
        answers in prop::sample::select(&generated::REQUEST_TYPES[..]),
    ) {
        let head = ResponseHead { status: StatusCode::from_u16(status).unwrap(), version, headers: &headers };
        let interop = Ack::decode(head, answers, Interop);
        let strict = Ack::decode(head, answers, Strict);
        // Strict reads fewer error headers, so that one may find an error where the other finds none.
        prop_assert!(!matches!(strict, Ok(Some(_))) || matches!(interop, Ok(Some(_))), "{:?}", interop);
        // Nothing hides the error that a status is (C73); a 416 for a Fragment is none.
        if !head.status.is_success() && (status, answers) != (416, PacketType::Fragment) {
            prop_assert!(matches!(interop, Ok(None | Some(Ack::Error(_)))), "{:?}", interop);
        }
        if let Ok(Some(ack)) = &interop {
            check_ack(ack, answers, Interop)?;
        }
        if let Ok(Some(ack)) = &strict {
            check_ack(ack, answers, Strict)?;
        }
    }
}
