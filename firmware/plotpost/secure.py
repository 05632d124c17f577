"""TLS for the agent's socket, verified against one certificate authority. Nothing falls back to less than that."""

try:
    import tls

    def _trusting(authority):
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.verify_mode = tls.CERT_REQUIRED
        context.load_verify_locations(authority)
        return context

except ImportError:  # CPython
    import ssl

    def _trusting(authority):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=authority)
        return context


def wrap(sock, host, authority):
    """A connected non-blocking socket, secured: `host` must be a name or address in a certificate of `authority` (DER).

    The handshake goes on with each read and write; only its arithmetic blocks, about a second on a Pico W. Whichever call finds the
    certificate wrong raises ValueError and says why; an `authority` that is no certificate raises it here.
    """
    return _trusting(authority).wrap_socket(sock, do_handshake_on_connect=False, server_hostname=host)
