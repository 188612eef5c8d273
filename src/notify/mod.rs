//! Server applications: the back-end client (§3.3) and the application itself (§3.4).

mod answer;
mod application;
mod data_file;
mod destination_url;
mod notification_type;
mod notification_url;
mod request;
mod response;

pub use answer::InvalidAnswer;
pub use application::{Application, InvalidNotification};
pub use data_file::{DataFilePath, DataFiles};
pub use destination_url::DestinationUrl;
pub use notification_type::NotificationType;
pub use notification_url::NotificationUrl;
pub use request::{Delivery, NotificationRequest};
pub use response::NotificationResponse;
