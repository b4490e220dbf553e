//! Connects to the port it is given on 127.0.0.1 by plain WASI sockets, around the host's HTTP.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply, data};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

struct Guest;

impl Adaptor for Guest {
    fn attack(argument: &str) -> Result<Reply, Error> {
        let port = argument
            .parse()
            .map_err(|_| Error::InvalidArgument("a port".into()))?;
        let address = IpSocketAddress::Ipv4(Ipv4SocketAddress {
            port,
            address: (127, 0, 0, 1),
        });
        let failed = |error: ErrorCode| Error::Other(format!("no socket: {error:?}"));
        let socket = create_tcp_socket(IpAddressFamily::Ipv4).map_err(failed)?;
        socket
            .start_connect(&instance_network(), address)
            .map_err(failed)?;
        socket.subscribe().block();
        let _streams = socket.finish_connect().map_err(failed)?;
        data("\"connected\"")
    }
}

fonio_test_guests::export!(Guest);
