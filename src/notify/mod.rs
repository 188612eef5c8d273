//! Server applications: the back-end client (§3.3) and the application itself (§3.4).

mod answer;
mod application;
mod config;
mod data_file;
mod destination_url;
mod iis_reply_url;
mod notification;
mod notification_type;
mod notification_url;
mod outcome;
mod output;
mod receive;
mod request;
mod response;
mod state;

pub use answer::InvalidAnswer;
pub use application::{Application, InvalidNotification};
pub use config::{Config, ConfigBuilder, InvalidConfig};
pub use data_file::{DataFilePath, DataFiles};
pub use destination_url::DestinationUrl;
pub use iis_reply_url::iis_reply_url;
pub use notification::Notification;
pub use notification_type::NotificationType;
pub use notification_url::NotificationUrl;
pub use outcome::{Failure, Outcome, Reply};
pub use output::{Output, Transmit};
pub use request::{Delivery, NotificationRequest};
pub use response::NotificationResponse;
pub use state::{State, Timer};
