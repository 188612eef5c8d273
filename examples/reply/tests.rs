//! Tests of this example's server.

use std::sync::Arc;

use bits_proto::notify::NotificationType;

use crate::conversation::Conversation;
use crate::files::TemporaryFolder;
use crate::hung;
use crate::replies::Replies;
use crate::server::Server;
use crate::storage::Storage;

#[test]
fn a_hung_connection_is_stopped_within_a_second() {
    let folder = TemporaryFolder::create().unwrap();
    let files = folder.path().join("server");
    let conversation = Arc::new(Conversation::begin());
    let replies = Replies::create(folder.path().join("replies"), Arc::clone(&conversation)).unwrap();
    let server = Server {
        notification: NotificationType::None,
        storage: Storage::create(files.clone()).unwrap(),
        replies: Arc::new(replies),
        // Nobody fetches a reply.
        reply_server: ([127, 0, 0, 1], 9).into(),
        conversation,
    };
    hung::is_stopped_within_a_second(server.start().unwrap(), &files);
}
