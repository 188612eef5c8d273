//! Both programs at once, over real TCP.

mod kills;
mod proxies;
mod replies;
mod sizes;
mod tls;
