//! A server application is sent files that are published in a bucket.

use end_to_end::Application;

use crate::harness::{Bucket, Session, contents, request};

const MIB: usize = 1024 * 1024;

#[test]
fn an_application_is_sent_files_of_all_sizes_before_they_are_published_in_a_bucket() {
    for (overwrites, size) in [(false, 300_000), (false, 9 * MIB), (true, 9 * MIB)] {
        let taken = "BITS-Copy-File-To-Destination: 1\r\n";
        let application = Application::start(move |_| (200, taken, b"the reply".to_vec()));
        let notify = ["--serve", "--notify", "by-value", "--notification-url", application.url()];
        let overwrite = if overwrites { &["--allow-overwrites"][..] } else { &[] };
        let farm = Bucket::start(&[&notify, overwrite].concat());
        let (address, bytes) = (farm.server.address(), contents(size));
        let session = Session::create(address, "/a.bin");
        let half = size * 2 / 3;
        assert_eq!(session.fragment(&bytes[..half], 0, size).status, 200);
        let ack = session.fragment(&bytes[half..], half, size);
        assert_eq!(ack.status, 200, "{ack:?}");
        assert_eq!(farm.moto.file("/a.bin"), None, "it is not published yet");
        let seen = application.seen();
        assert_eq!(seen.len(), 1);
        assert!(seen[0].body == bytes, "{} of {size} bytes", seen[0].body.len());
        let reply = format!("/{}", ack.header("bits-reply-url"));
        let answer = request(address, "GET", &reply, &[], b"");
        assert_eq!((answer.status, &*answer.body), (200, &b"the reply"[..]));
        assert_eq!(session.close().status, 200);
        assert!(farm.moto.file("/a.bin").as_ref() == Some(&bytes));
        let range = request(address, "GET", "/a.bin", &[("Range", "bytes=299990-299994")], b"");
        assert_eq!((range.status, &*range.body), (206, &bytes[299_990..299_995]));
        assert_eq!(farm.moto.keys(), ["files/a.bin"], "nothing is left");
        assert_eq!(farm.moto.unfinished(), Vec::<String>::new());
        if !overwrites {
            let headers = [
                ("BITS-Packet-Type", "Create-Session"),
                ("BITS-Supported-Protocols", "{7df0354d-249b-430f-820d-3d2a9bef4931}"),
            ];
            assert_eq!(request(address, "BITS_POST", "/a.bin", &headers, b"").status, 403, "it exists");
        }
    }
}

#[test]
fn what_an_application_keeps_for_itself_is_not_published_in_a_bucket() {
    let application = Application::start(|_| (200, "", Vec::new()));
    let farm = Bucket::start(&["--notify", "by-value", "--notification-url", application.url()]);
    let bytes = contents(9 * MIB);
    let session = Session::create(farm.server.address(), "/a.bin");
    assert_eq!(session.fragment(&bytes, 0, bytes.len()).status, 200);
    assert!(application.seen()[0].body == bytes);
    assert_eq!(session.close().status, 200);
    assert_eq!(
        (farm.moto.keys().len(), farm.moto.versions().iter().filter(|key| key.ends_with("a.bin")).count()),
        (0, 0)
    );
}
