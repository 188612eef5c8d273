//! The claims of `public-api/GUIDELINES.md` about the types.

use std::error::Error;

use bits_proto::{
    ApiMisuse, DecodeError, ErrorContext, Hresult, InvalidConfig, InvalidValue, Malformed, RestoreError,
    client, download, notify, server,
};

use crate::sources::files;

fn shared<T: Send + Sync + 'static>() {}

#[test]
fn machines_can_be_sent_and_shared() {
    shared::<client::Upload>();
    shared::<server::Session>();
    shared::<server::Sessions<String>>();
    shared::<download::Download>();
    shared::<notify::Notification>();
    shared::<client::Snapshot>();
    shared::<server::Record>();
}

#[test]
fn errors_are_errors_that_can_be_sent() {
    fn error<T: Error + Send + Sync + 'static>() {}
    error::<ApiMisuse>();
    error::<DecodeError>();
    error::<InvalidConfig>();
    error::<InvalidValue>();
    error::<Malformed>();
    error::<RestoreError>();
    error::<client::Failure>();
    error::<download::Failure>();
    error::<download::multipart::MultipartError>();
    error::<notify::InvalidAnswer>();
    error::<notify::InvalidNotification>();
    error::<server::InvalidDirectory>();
}

#[test]
fn codes_are_numbers() {
    assert_eq!(format!("{:#010x}", Hresult::BG_E_TOO_LARGE), "0x80200020");
    assert_eq!(format!("{:X}", ErrorContext::REMOTE_APPLICATION), "7");
}

#[test]
fn every_guideline_is_answered_once() {
    let page = files("public-api", &["md"]).pop().expect("GUIDELINES.md").text;
    let firsts = page.lines().filter_map(|line| line.strip_prefix("| C-")?.split(" |").next());
    let items: Vec<_> =
        firsts.flat_map(|items| items.split(", ")).map(|item| item.trim_start_matches("C-")).collect();
    for item in [
        "CASE",
        "CONV",
        "GETTER",
        "ITER",
        "ITER-TY",
        "FEATURE",
        "WORD-ORDER",
        "COMMON-TRAITS",
        "CONV-TRAITS",
        "COLLECT",
        "SERDE",
        "SEND-SYNC",
        "GOOD-ERR",
        "NUM-FMT",
        "RW-VALUE",
        "EVOCATIVE",
        "MACRO-ATTR",
        "ANYWHERE",
        "MACRO-VIS",
        "MACRO-TY",
        "CRATE-DOC",
        "EXAMPLE",
        "QUESTION-MARK",
        "FAILURE",
        "LINK",
        "METADATA",
        "RELNOTES",
        "HIDDEN",
        "SMART-PTR",
        "CONV-SPECIFIC",
        "METHOD",
        "NO-OUT",
        "OVERLOAD",
        "DEREF",
        "CTOR",
        "INTERMEDIATE",
        "CALLER-CONTROL",
        "GENERIC",
        "OBJECT",
        "NEWTYPE",
        "CUSTOM-TYPE",
        "BITFLAG",
        "BUILDER",
        "VALIDATE",
        "DTOR-FAIL",
        "DTOR-BLOCK",
        "DEBUG",
        "DEBUG-NONEMPTY",
        "SEALED",
        "STRUCT-PRIVATE",
        "NEWTYPE-HIDE",
        "STRUCT-BOUNDS",
        "STABLE",
        "PERMISSIVE",
    ] {
        assert_eq!(items.iter().filter(|found| **found == item).count(), 1, "C-{item}");
    }
}
