use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use ipnet::{Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use sb_config::EgressSettings;
use url::{Host, Url};

use crate::EgressError;

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(a: u16, b: u16, c: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), length)
}

/// IPv4 ranges that are not the public internet.
///
/// # Source
///
/// IANA IPv4 Special-Purpose Address Registry, plus the address of Azure's platform services.
const PRIVATE_V4: [Ipv4Net; 17] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    // Link-local, and the metadata service of most clouds.
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
    v4(255, 255, 255, 255, 32),
    v4(168, 63, 129, 16, 32),
];

/// IPv6 ranges that are not the public internet.
///
/// # Source
///
/// IANA IPv6 Special-Purpose Address Registry.
const PRIVATE_V6: [Ipv6Net; 12] = [
    // Unspecified, loopback and the old IPv4-compatible addresses.
    v6(0, 0, 0, 96),
    v6(0x64, 0xff9b, 1, 48),
    v6(0x100, 0, 0, 64),
    // Teredo and other protocol assignments.
    v6(0x2001, 0, 0, 23),
    v6(0x2001, 0xdb8, 0, 32),
    // 6to4 carries an IPv4 address.
    v6(0x2002, 0, 0, 16),
    v6(0x3fff, 0, 0, 20),
    v6(0x5f00, 0, 0, 16),
    v6(0xfc00, 0, 0, 7),
    v6(0xfe80, 0, 0, 10),
    v6(0xfec0, 0, 0, 10),
    v6(0xff00, 0, 0, 8),
];

/// NAT64: how hosts without IPv6 are reached from networks without IPv4.
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 0, 96);

/// Whether an address belongs to the public internet.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !PRIVATE_V4.iter().any(|net| net.contains(&address)),
        IpAddr::V6(address) => {
            if let Some(embedded) = embedded_v4(address) {
                return is_public(IpAddr::V4(embedded));
            }
            !PRIVATE_V6.iter().any(|net| net.contains(&address))
        }
    }
}

fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    if NAT64.contains(&address) {
        let [.., a, b, c, d] = address.octets();
        return Some(Ipv4Addr::new(a, b, c, d));
    }
    address.to_ipv4_mapped()
}

/// What the resolver answers for a name without a public address; found again in the error chain.
#[derive(Debug, thiserror::Error)]
#[error("the name resolves to addresses that are not public")]
pub(crate) struct Refused {
    pub(crate) address: Option<IpAddr>,
}

/// Decides which hosts requests for tenants may reach.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    settings: Arc<EgressSettings>,
}

impl Guard {
    pub(crate) fn new(settings: &EgressSettings) -> Self {
        Self {
            settings: Arc::new(settings.clone()),
        }
    }

    /// Checks what can be seen without resolving: scheme and literal addresses. The HTTP client
    /// does not ask its resolver about literals.
    pub(crate) fn check_url(&self, url: &Url) -> Result<(), EgressError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(EgressError::Url);
        }
        let address = match url.host() {
            None => return Err(EgressError::Url),
            Some(Host::Domain(_)) => return Ok(()),
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
        };
        if self.is_exempt(&address.to_string()) || is_public(address) {
            return Ok(());
        }
        Err(EgressError::Guarded {
            host: address.to_string(),
            address: Some(address),
        })
    }

    fn is_exempt(&self, host: &str) -> bool {
        self.settings.allow_private_addresses || self.settings.is_allowed_host(host)
    }

    /// Keeps the public addresses. The connection is made to exactly what is returned here, so a
    /// name that changes its address between check and use gains nothing.
    fn keep_public(&self, host: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
        if self.is_exempt(host) {
            return Ok(found);
        }
        let first = found.first().map(SocketAddr::ip);
        let public: Vec<SocketAddr> = found
            .into_iter()
            .filter(|address| is_public(address.ip()))
            .collect();
        if public.is_empty() && first.is_some() {
            return Err(Refused { address: first });
        }
        Ok(public)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let addresses: Addrs = Box::new(guard.keep_public(name.as_str(), found)?.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn guard(allowed_hosts: &str) -> Guard {
        Guard::new(&EgressSettings {
            allowed_hosts: allowed_hosts.to_owned(),
            ..Default::default()
        })
    }

    fn is_refused(guard: &Guard, url: &str) -> bool {
        matches!(
            guard.check_url(&Url::parse(url).unwrap()),
            Err(EgressError::Guarded { .. })
        )
    }

    #[test]
    fn addresses_inside_the_network_are_not_public() {
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:7f00:1::",
            "2001::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "157.240.1.1",
            "2a03:2880:f003::1",
            "2606:4700::1",
            "64:ff9b::1.1.1.1",
            "::ffff:1.1.1.1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn literal_addresses_are_refused_however_they_are_written() {
        let guard = guard("");
        for url in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://017700000001/",
            "http://[::1]:80/",
            "http://[::ffff:7f00:1]/",
            "https://169.254.169.254/latest",
            "http://127.0.0.1./",
            "http://user@127.0.0.1/",
        ] {
            assert!(is_refused(&guard, url), "{url}");
        }
        assert!(
            guard
                .check_url(&Url::parse("https://1.1.1.1/").unwrap())
                .is_ok()
        );
    }

    #[test]
    fn only_http_is_spoken() {
        for url in ["file:///etc/passwd", "ftp://1.1.1.1/", "data:text/plain,x"] {
            let result = guard("").check_url(&Url::parse(url).unwrap());
            assert!(matches!(result, Err(EgressError::Url)), "{url}");
        }
    }

    #[test]
    fn exempt_hosts_may_be_private() {
        let guard = guard("10.0.0.5, Collector.internal");
        assert!(!is_refused(&guard, "http://10.0.0.5/"));
        assert!(is_refused(&guard, "http://10.0.0.6/"));
        let private: Vec<SocketAddr> = vec!["10.0.0.7:0".parse().unwrap()];
        assert_eq!(
            guard
                .keep_public("collector.internal", private.clone())
                .unwrap(),
            private
        );
        assert!(guard.keep_public("other.internal", private).is_err());
    }

    #[test]
    fn of_mixed_answers_only_the_public_ones_are_used() {
        let found = vec!["10.0.0.7:0".parse().unwrap(), "1.1.1.1:0".parse().unwrap()];
        let kept = guard("").keep_public("mixed.example", found).unwrap();
        assert_eq!(kept, ["1.1.1.1:0".parse().unwrap()]);
    }

    proptest! {
        #[test]
        fn wrapping_a_private_address_in_ipv6_does_not_make_it_public(a: u8, b: u8, c: u8, d: u8) {
            let inner = Ipv4Addr::new(a, b, c, d);
            let mapped = IpAddr::V6(inner.to_ipv6_mapped());
            prop_assert_eq!(is_public(mapped), is_public(IpAddr::V4(inner)));
        }
    }
}
