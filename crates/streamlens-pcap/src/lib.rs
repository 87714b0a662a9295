//! StreamLens pcap.
