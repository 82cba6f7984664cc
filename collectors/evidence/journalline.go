package evidence

import (
	"bytes"
	"strings"

	"lastcall/collectors/evidence/internal/containers"
	"lastcall/collectors/evidence/internal/cut"
	"lastcall/collectors/evidence/internal/header"
	"lastcall/collectors/evidence/internal/number"
	"lastcall/collectors/evidence/internal/stamp"
	"lastcall/collectors/record"
)

// journalLine is a line that journalctl prints, or syslog writes, in two parts: when and by whom it was said, and what.
//
//	2026-11-20T08:00:00.123456+00:00 node-a api[123]: text      journalctl -o short-iso-precise
//	Nov 20 08:00:00 node-a api[123]: text                       journalctl, syslog
//
// Source: systemd, src/shared/logs-show.c (output_short); RFC 3164.
type journalLine struct {
	time           record.Time // 0 where the line has no year
	host, tag, pid []byte
	who            []byte // host and tag, as they stand there
	text           []byte
}

// maxJournalHeader bounds where the text of a line may begin.
const maxJournalHeader = 160

// mayBeJournal is the cheap test.
func mayBeJournal(line []byte) bool {
	return len(line) > 16 && bytes.Contains(line[:min(len(line), maxJournalHeader)], pidEnd)
}

var pidEnd = []byte("]: ")

// readJournal takes a line apart. Only with a host and the number of a process is it told from what loggers write.
func readJournal(line []byte, c *stamp.Clock) (l journalLine, ok bool) {
	if !mayBeJournal(line) {
		return l, false
	}
	rest := header.TrimPriority(line)
	if t, n, _, ok := c.Read(rest); ok {
		l.time, rest = t, rest[n:]
	} else if st, ok := stamp.ReadSyslog(rest, func(int, int) int { return 2000 }); ok {
		rest = rest[st.N:]
	} else {
		return l, false
	}
	if len(rest) == 0 || rest[0] != ' ' {
		return l, false
	}
	who := rest[1:]
	l.host, rest = cut.Word(who)
	tag, rest := cut.Word(rest)
	open := bytes.IndexByte(tag, '[')
	if open <= 0 || !bytes.HasSuffix(tag, []byte("]:")) || !isHostName(l.host) {
		return l, false
	}
	l.who = who[:len(l.host)+1+open]
	l.tag, l.pid, l.text = tag[:open], tag[open+1:len(tag)-2], rest
	return l, number.IsDigits(l.pid)
}

// isHostName tells the name of a machine from the levels and the words that loggers write behind a time.
func isHostName(b []byte) bool {
	for _, c := range b {
		if !(c|0x20 >= 'a' && c|0x20 <= 'z') && !number.IsDigit(c) && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return len(b) > 0 && len(b) <= 255 && !cut.AllUpper(b)
}

// containerOfJournal is whose lines have a machine and the name of a program: the container that Docker's drivers for the journal and for
// syslog put there, else the machine, as a machine runs one process of a service. It is nil for what does not serve, or hands on what it is
// asked.
func containerOfJournal(host, tag []byte) []byte {
	if name, ok := bytes.CutPrefix(tag, []byte("docker/")); ok {
		return name
	}
	switch {
	case len(tag) == 12 && containers.IsID(tag):
		return tag
	case containers.IsProxy(string(tag)), containers.IsProxy(string(host)), isSystemUnit(string(tag)):
		return nil
	}
	return host
}

// journalSpeakers remembers whose lines have the machines and the programs of the lines before. The zero value is ready.
type journalSpeakers struct {
	last      string // machine and program
	container []byte
	all       map[string][]byte
}

// of is containerOfJournal of a line.
func (s *journalSpeakers) of(l *journalLine) []byte {
	if s.all != nil && string(l.who) == s.last {
		return s.container
	}
	container, known := s.all[string(l.who)]
	if !known {
		container = bytes.Clone(containerOfJournal(l.host, l.tag))
		if s.all == nil || len(s.all) >= maxSpeakers {
			s.all = map[string][]byte{}
		}
		s.all[string(l.who)] = container
	}
	s.last, s.container = string(l.who), container
	return container
}

// isSystemUnit knows what a machine runs besides the services that it is there for, by the names of units and programs: they come and go
// without a word about those.
func isSystemUnit(name string) bool {
	switch base, _, instance := strings.Cut(name, "@"); {
	case instance && (base == "user" || base == "user-runtime-dir"):
		return true // of those who log in; without an instance it is what somebody called a service
	case isTransientUnit(base):
		return true
	}
	if i := strings.IndexAny(name, "@."); i > 0 {
		name = name[:i]
	}
	switch name {
	case "accounts-daemon", "acpid", "anacron", "apt-daily", "apt-daily-upgrade", "apt-news", "atd", "audit", "auditd", "avahi-daemon", "certbot", "chrony",
		"chronyd", "cloud-config", "cloud-final", "cloud-init", "cloud-init-hotplugd", "cloud-init-local", "cloud-init-main", "cloud-init-network", "collectd",
		"containerd", "cron", "CRON", "crond", "dbus", "dbus-broker", "dbus-daemon", "dhclient", "dhcpcd", "dnf-automatic", "dnf-automatic-download",
		"dnf-automatic-install", "dnf-automatic-notifyonly", "dnf-makecache", "dnf-system-upgrade", "docker", "dockerd", "dracut",
		"e2scrub_all", "e2scrub_reap", "emergency", "filebeat", "firewalld", "fluent-bit", "fluentd", "fstrim", "fwupd", "fwupd-refresh", "getty",
		"google-cloud-ops-agent", "google-guest-agent", "gssproxy", "init", "irqbalance", "kernel", "kubelet", "ldconfig", "logrotate", "lvm2-monitor",
		"lxd-agent", "man-db", "mdmonitor", "ModemManager", "modprobe", "motd-news", "multipathd", "NetworkManager", "nfs-blkmap", "nfs-common", "nfs-config",
		"nfs-idmapd", "nfs-kernel-server", "nfs-mountd", "nfs-server", "nfs-utils", "nfsdcld", "node_exporter", "ntp", "ntpd",
		"packagekit", "PackageKit", "plocate-updatedb", "plymouth-quit", "polkit", "polkitd", "prometheus-node-exporter", "promtail", "qemu-guest-agent",
		"rc-local", "rpc-gssd", "rpc-statd", "rpc-statd-notify", "rpc-svcgssd", "rpcbind", "rsyslog", "rsyslogd", "rtkit-daemon", "run-parts", "serial-getty",
		"smartd", "snap", "snapd", "ssh", "sshd", "sssd", "su", "sudo", "sysstat", "sysstat-collect", "sysstat-summary", "syslog", "systemd", "tuned", "udisks2",
		"ufw", "unattended-upgrades", "update-notifier-download", "update-notifier-motd", "upower", "user-runtime-dir", "uuidd", "vector", "walinuxagent",
		"wpa_supplicant", "amazon-ssm-agent", "apt-esm-cache", "apport", "apport-autoreport", "auditbeat", "blk-availability", "colord", "cups", "datadog-agent",
		"esm-cache", "telegraf", "zabbix-agent":
		return true
	}
	// Only what nobody begins the name of a service of one's own with: user-api and cloud-gateway are such services.
	for _, prefix := range [...]string{"systemd-", "dpkg-db-", "dracut-", "initrd-", "snapd-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// isTransientUnit knows the names that systemd-run gives: run-u12.service, run-p123-i456.service, run-r and an id in hexadecimal.
func isTransientUnit(name string) bool {
	rest, ok := strings.CutPrefix(strings.TrimSuffix(name, ".service"), "run-")
	if !ok || len(rest) < 2 {
		return false
	}
	letters := "0123456789"
	switch rest[0] {
	case 'r':
		letters += "abcdef"
		if len(rest) != 33 {
			return false
		}
	case 'p':
		letters += "-i"
	case 'u':
	default:
		return false
	}
	return strings.Trim(rest[1:], letters) == ""
}
