//! Both programs at once, over real TCP.

mod clocks;
mod disk_full;
mod image;
mod kills;
mod logs;
mod many;
mod memory;
mod pages;
mod proxies;
mod readme;
mod reasons;
mod replies;
mod sizes;
mod through;
mod tls;
mod wireshark;
