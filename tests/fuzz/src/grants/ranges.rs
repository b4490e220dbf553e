//! Addresses as 128 bits, IPv4 among them as IPv6 maps it, and which of them the public internet does not route: the rows of
//! IANA's two registries of special-purpose addresses.

use std::net::IpAddr;

/// Where IPv4 lies among IPv6.
const MAPPED: u128 = 0xffff_0000_0000;
const MAPPED_BITS: u32 = 96;

/// Rows of IPv4: first address, length of the prefix.
const NOT_PUBLIC_V4: &[([u8; 4], u32)] = &[
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 3),
];

/// Rows of IPv6 within 2000::/3, outside of which nothing is handed out: high half, length of the prefix.
const NOT_PUBLIC_V6: &[(u64, u32)] = &[
    (0x2001_0000_0000_0000, 23),
    (0x2001_0db8_0000_0000, 32),
    (0x2002_0000_0000_0000, 16),
    (0x3fff_0000_0000_0000, 20),
];

/// An address as 128 bits.
pub fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => MAPPED | u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

/// All addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    first: u128,
    prefix: u32,
}

impl Range {
    /// The network around an address.
    pub fn around(address: u128, prefix: u32) -> Range {
        let first = address & mask(prefix);
        Range { first, prefix }
    }

    /// One address.
    pub fn only(address: IpAddr) -> Range {
        Range::around(bits(address), 128)
    }

    /// Whether an address is in it. What IPv6 says of itself (`::/0`) it does not say of IPv4.
    pub fn holds(self, address: IpAddr) -> bool {
        let address = bits(address);
        let of_the_same_kind = is_v4(self.first) == is_v4(address) && self.prefix_fits();
        of_the_same_kind && address & mask(self.prefix) == self.first
    }

    fn prefix_fits(self) -> bool {
        !is_v4(self.first) || self.prefix >= MAPPED_BITS
    }
}

fn mask(prefix: u32) -> u128 {
    u128::MAX
        .checked_shl(128 - prefix)
        .unwrap_or(if prefix == 0 { 0 } else { u128::MAX })
}

fn is_v4(address: u128) -> bool {
    address & mask(MAPPED_BITS) == MAPPED
}

/// Whether the public internet routes to it.
pub fn is_public(address: IpAddr) -> bool {
    let address = bits(address);
    if is_v4(address) {
        return is_public_v4(address);
    }
    // NAT64 leads to the IPv4 address inside.
    let nat64 = 0x64_ff9b << 96;
    if address & mask(96) == nat64 {
        return is_public_v4(MAPPED | (address & !mask(96)));
    }
    let within = |(high, prefix): &(u64, u32)| address & mask(*prefix) == u128::from(*high) << 64;
    within(&(0x2000_0000_0000_0000, 3)) && !NOT_PUBLIC_V6.iter().any(within)
}

fn is_public_v4(address: u128) -> bool {
    !NOT_PUBLIC_V4.iter().any(|(first, prefix)| {
        let first = bits(IpAddr::from(*first));
        address & mask(prefix + MAPPED_BITS) == first
    })
}

/// Whether it leads back to this machine.
pub fn is_loopback(address: IpAddr) -> bool {
    let address = bits(address);
    address == 1 || address & mask(MAPPED_BITS + 8) == bits(IpAddr::from([127, 0, 0, 0]))
}
