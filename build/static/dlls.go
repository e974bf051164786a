package static

// windowsLibraries lists the DLLs that Windows itself ships, in lower case.
//
// They are documented in the Windows API (https://learn.microsoft.com/windows/win32/api) and
// found in System32 of plain installations of Windows 10 and 11 for amd64 and arm64 and in
// SysWOW64, according to the lists in dll_lists of https://github.com/adang1345/delvewheel. Go
// needs Windows 10 (https://go.dev/wiki/MinimumRequirements). Only early versions of Windows 10
// for arm64 lack two of them, glu32 and opengl32.
//
// The names api-ms-win-* and ext-ms-* are not files but API sets, which Windows maps to files. The
// C runtime is one of them (https://learn.microsoft.com/windows/win32/apiindex/windows-apisets).
//
// The list omits DLLs that come with other software: vcruntime140.dll, msvcp140.dll and the
// like (Visual C++), libgcc_s_seh-1.dll, libstdc++-6.dll, libwinpthread-1.dll (MinGW),
// mscoree.dll (.NET).
var windowsLibraries = []string{
	"api-ms-win-*", "ext-ms-*",
	"activeds.dll", "advapi32.dll", "authz.dll", "avrt.dll",
	"bcrypt.dll", "bcryptprimitives.dll",
	"cabinet.dll", "cfgmgr32.dll", "clusapi.dll", "combase.dll", "comctl32.dll", "comdlg32.dll", "credui.dll",
	"crypt32.dll", "cryptbase.dll", "cryptnet.dll", "cryptui.dll",
	"d2d1.dll", "d3d10.dll", "d3d11.dll", "d3d12.dll", "d3d9.dll", "d3dcompiler_47.dll", "dbgeng.dll",
	"dbghelp.dll", "dcomp.dll", "ddraw.dll", "dhcpcsvc.dll", "dinput8.dll", "dnsapi.dll", "dsound.dll",
	"dwmapi.dll", "dwrite.dll", "dxgi.dll", "dxva2.dll",
	"esent.dll", "evr.dll",
	"fltlib.dll", "fwpuclnt.dll",
	"gdi32.dll", "gdiplus.dll", "glu32.dll",
	"hid.dll", "httpapi.dll",
	"imagehlp.dll", "imm32.dll", "iphlpapi.dll",
	"kernel32.dll", "kernelbase.dll", "ktmw32.dll",
	"lz32.dll",
	"mf.dll", "mfplat.dll", "mfreadwrite.dll", "mpr.dll", "mprapi.dll", "msacm32.dll", "msctf.dll", "msi.dll",
	"msimg32.dll", "msvcp_win.dll", "msvcrt.dll", "mswsock.dll",
	"ncrypt.dll", "ndfapi.dll", "netapi32.dll", "newdev.dll", "normaliz.dll", "nsi.dll", "ntdll.dll",
	"ntdsapi.dll",
	"ole32.dll", "oleacc.dll", "oleaut32.dll", "opengl32.dll",
	"pdh.dll", "powrprof.dll", "profapi.dll", "propsys.dll", "psapi.dll",
	"quartz.dll",
	"rasapi32.dll", "resutils.dll", "rpcrt4.dll", "rstrtmgr.dll", "rtutils.dll",
	"samlib.dll", "sechost.dll", "secur32.dll", "sensapi.dll", "setupapi.dll", "sfc.dll", "shcore.dll",
	"shell32.dll", "shlwapi.dll", "sspicli.dll",
	"tapi32.dll", "taskschd.dll", "tbs.dll", "tdh.dll",
	"ucrtbase.dll", "uiautomationcore.dll", "urlmon.dll", "user32.dll", "userenv.dll", "usp10.dll",
	"uxtheme.dll",
	"version.dll", "virtdisk.dll", "vssapi.dll",
	"webservices.dll", "websocket.dll", "wecapi.dll", "wer.dll", "wevtapi.dll", "winbio.dll",
	"windowscodecs.dll", "winhttp.dll", "wininet.dll", "winmm.dll", "winscard.dll", "winspool.drv",
	"winsta.dll", "wintrust.dll", "winusb.dll", "wlanapi.dll", "wldap32.dll", "wldp.dll", "ws2_32.dll",
	"wsock32.dll", "wtsapi32.dll",
	"xinput1_4.dll", "xinput9_1_0.dll", "xmllite.dll",
}
