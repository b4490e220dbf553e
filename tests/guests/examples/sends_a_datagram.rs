//! Sends one datagram to the port it is given on 127.0.0.1, by plain WASI, without a connection.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Error, Reply, data};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::udp::OutgoingDatagram;
use wasip2::sockets::udp_create_socket::create_udp_socket;

struct Guest;

impl Adaptor for Guest {
    fn attack(argument: &str) -> Result<Reply, Error> {
        let port = argument
            .parse()
            .map_err(|_| Error::InvalidArgument("a port".into()))?;
        let at = |port| {
            IpSocketAddress::Ipv4(Ipv4SocketAddress {
                port,
                address: (127, 0, 0, 1),
            })
        };
        let failed = |error: ErrorCode| Error::Other(format!("no socket: {error:?}"));
        let socket = create_udp_socket(IpAddressFamily::Ipv4).map_err(failed)?;
        socket
            .start_bind(&instance_network(), at(0))
            .map_err(failed)?;
        socket.subscribe().block();
        socket.finish_bind().map_err(failed)?;
        let (_, outgoing) = socket.stream(None).map_err(failed)?;
        outgoing.check_send().map_err(failed)?;
        let datagram = OutgoingDatagram {
            data: b"a secret".to_vec(),
            remote_address: Some(at(port)),
        };
        data(outgoing.send(&[datagram]).map_err(failed)?.to_string())
    }
}

fonio_test_guests::export!(Guest);
