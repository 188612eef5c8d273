//! A port that nobody else gets.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use socket2::{Domain, Socket, Type};

/// Bound to, and never listened on: the system gives it to nobody, but a server that asks for it by number can listen
/// there, again and again. Without that, a server that is killed and started again may find its port taken: any
/// connection that goes out meanwhile can get it.
#[derive(Debug)]
pub struct Port {
    _socket: Socket,
    pub address: SocketAddr,
}

impl Port {
    pub fn reserve() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        Self { _socket: socket, address }
    }
}
