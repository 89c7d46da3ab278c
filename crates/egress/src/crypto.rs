/// Makes ring the crypto provider of every TLS connection of this process. Call it before anything
/// builds a client; calling it again changes nothing.
pub fn install_crypto() {
    // An error means that a provider is installed already, which is what we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
