//! The serde forms of what notifications are made of.
#![cfg(feature = "serde")]

use std::fmt::Debug;

use bits_proto::Hresult;
use bits_proto::notify::{
    DataFilePath, DestinationUrl, Failure, NotificationRequest, NotificationResponse, NotificationType,
    NotificationUrl, Outcome, Reply, Timer,
};
use bits_proto::server::Refusal;
use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use testing::notify::*;

fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) -> serde_json::Value {
    let stored = serde_json::to_value(value).unwrap();
    assert_eq!(serde_json::from_value::<T>(stored.clone()).unwrap(), *value);
    stored
}

#[test]
fn notifications_survive() {
    for delivery in [by_reference(), by_value(u64::MAX / 2)] {
        let destination = DestinationUrl::new(&DESTINATION.parse().unwrap()).unwrap();
        let notification = NotificationRequest { destination, delivery };
        assert_eq!(survives(&notification)["destination"], DESTINATION);
        let refusal = notification.refuse(StatusCode::CONFLICT, None).unwrap();
        assert_eq!(survives::<NotificationResponse<'_>>(&refusal)["status"], 409);
        survives::<NotificationResponse<'_>>(&notification.reply_at(reply_url("http://app/1")).unwrap());
    }
}

#[test]
fn settings_survive() {
    let url: NotificationUrl = "/bitsasp/test.REPLY".parse().unwrap();
    assert_eq!(survives(&NotificationType::None), json!("None"));
    assert_eq!(
        survives(&NotificationType::ByValue(url.clone())),
        json!({ "ByValue": "/bitsasp/test.REPLY" })
    );
    survives(&NotificationType::ByReference(url));
}

#[test]
fn what_is_stored_is_checked_when_it_comes_back() {
    for path in ["", " /a", "/a\r\nX: 1"] {
        assert!(serde_json::from_value::<DataFilePath<'_>>(json!(path)).is_err(), "{path:?}");
    }
    for url in ["", "http://a/\0"] {
        assert!(serde_json::from_value::<DestinationUrl<'_>>(json!(url)).is_err(), "{url:?}");
    }
    for url in ["", "ftp://app/"] {
        assert!(serde_json::from_value::<NotificationUrl>(json!(url)).is_err(), "{url:?}");
    }
}

#[test]
fn outcomes_are_written_for_logs() {
    let written = |outcome: &Outcome| serde_json::to_value(outcome).unwrap();
    let taken = Outcome::Taken { copy_to_destination: true, reply: Reply::Static(reply_url("/replies/1")) };
    assert_eq!(
        written(&taken),
        json!({ "Taken": { "copy_to_destination": true, "reply": { "Static": "/replies/1" } } })
    );
    let failures = [
        (
            Failure::Refused { status: StatusCode::OK, code: Some(Hresult::E_ACCESSDENIED) },
            json!({ "Refused": { "status": 200, "code": "0x80070005" } }),
        ),
        (Failure::Timeout(Timer::Head), json!({ "Timeout": "Head" })),
        (Failure::Transport, json!("Transport")),
        (Failure::ReplyTooLarge { limit: u64::MAX }, json!({ "ReplyTooLarge": { "limit": u64::MAX } })),
        (Failure::Server(Refusal::DiskFull), json!({ "Server": "DiskFull" })),
        (
            Failure::Server(Refusal::Application { status: StatusCode::CONFLICT, code: None }),
            json!({ "Server": { "Application": { "status": 409, "code": null } } }),
        ),
    ];
    for (failure, form) in failures {
        assert_eq!(written(&Outcome::Failed(failure)), json!({ "Failed": form }));
    }
}
