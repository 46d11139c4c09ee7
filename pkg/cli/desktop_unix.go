//go:build linux || freebsd || netbsd || openbsd || dragonfly

package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/godbus/dbus/v5"
)

// Names of the Desktop Notifications Specification 1.3.
const (
	notifications     = "org.freedesktop.Notifications"
	notificationsPath = "/org/freedesktop/Notifications"
)

// notificationLife is how long a notification is shown, in which a person has to answer.
const notificationLife = 2 * time.Minute

// notify shows a text on the desktop, and nowhere else, until withdraw is called.
func notify(ctx context.Context, text string) (withdraw func(), err error) {
	conn, err := dbus.Connect(sessionBus(), dbus.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("there is no session bus: %w", err)
	}
	service := conn.Object(notifications, notificationsPath)
	hints := map[string]dbus.Variant{"urgency": dbus.MakeVariant(byte(2)), "transient": dbus.MakeVariant(true)} // kept in no list
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var id uint32
	err = service.CallWithContext(ctx, notifications+".Notify", 0, "mcpproxy-stdio", uint32(0), "dialog-password", "An approval for mcpproxy-stdio", text,
		[]string{}, hints, int32(notificationLife.Milliseconds())).Store(&id)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("no notification can be shown: %w", err)
	}
	return func() {
		service.Call(notifications+".CloseNotification", dbus.FlagNoReplyExpected, id)
		conn.Close()
	}, nil
}

// sessionBus is the address of the user's bus: systemd's where there is one, whatever the environment says, since an agent can set that.
func sessionBus() string {
	if bus := filepath.Join("/run/user", strconv.Itoa(os.Getuid()), "bus"); isSocket(bus) {
		return "unix:path=" + bus
	}
	return os.Getenv("DBUS_SESSION_BUS_ADDRESS")
}

func isSocket(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&os.ModeSocket != 0
}
