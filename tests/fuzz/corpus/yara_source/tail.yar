import "pe"
include "x"
private rule p{condition:pe.signatures[0].serial=="01:02:03:04:05"}rule q:t{meta:a=-1 condition:any of (p*) and not defined p}rule