//! Both programs at once, over real TCP.

mod kills;
mod many;
mod memory;
mod proxies;
mod replies;
mod sizes;
mod tls;
