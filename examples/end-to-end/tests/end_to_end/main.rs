//! Both programs at once, over real TCP.

mod disk_full;
mod kills;
mod logs;
mod many;
mod memory;
mod proxies;
mod readme;
mod replies;
mod sizes;
mod tls;
mod wireshark;
