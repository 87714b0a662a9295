//! What the network is asked for.

use std::process::Command;

use crate::lab::{Capture, has, ip, not_here, with_lab};

#[test]
fn one_source_of_an_ipv6_group_is_asked_for_by_mldv2() {
    let name = "groups::one_source_of_an_ipv6_group_is_asked_for_by_mldv2";
    if !has("tcpdump") {
        return not_here(name, "tcpdump is missing");
    }
    with_lab(name, |lab| {
        for setting in ["net.ipv6.conf.slvb.disable_ipv6=0", "net.ipv6.conf.slvb.addr_gen_mode=1"] {
            ip(&["netns", "exec", &lab.b, "sysctl", "-qw", setting]).unwrap();
        }
        ip(&["-n", &lab.b, "addr", "add", "fe80::2/64", "dev", "slvb", "nodad"]).unwrap();
        // what it prints goes where the lab reads
        let script = "exec tcpdump -l -n -vv -i slva 'ip6[6] == 0 and ip6[40] == 58 and ip6[48] == 143' 1>&2";
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &lab.a, "sh", "-c", script]);
        let mut wire = Capture::start_until(command, "listening on slva");
        let live = lab.capture(&["-i", "slvb", "--join", "ff3e::4321:1234@2001:db8::7", "--format", "json"]);
        wire.wait_for("gaddr ff3e::4321:1234 allow { 2001:db8::7 }");
        let ended = live.interrupt();
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
        wire.wait_for("gaddr ff3e::4321:1234 block { 2001:db8::7 }");
    });
}
