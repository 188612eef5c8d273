//! Both programs at once, over real TCP.

mod proxies;
mod sizes;
