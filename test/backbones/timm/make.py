# Made with timm 1.0.31 and torch; run by hand: python make.py FOLDER
# timm 1.0.31's ConvNeXt, tiny widths, weights N(0, 0.2^2) (norm weights 1 + that) from a seed; pictures N(0,1)
import os, json, sys, torch
from timm.models.convnext import ConvNeXt
from safetensors.torch import save_file
torch.set_num_threads(1)
base=dict(num_classes=3,depths=(1,1,1,1),dims=(8,8,12,12))
cases={
 'head-norm-first':dict(head_norm_first=True,conv_mlp=True),
 'patch-2':dict(patch_size=2),
 'head-hidden':dict(head_hidden_size=10),
 'norm-eps-tanh':dict(norm_eps=1e-2,act_layer='gelu_tanh'),
 'v2-norm-eps':dict(norm_eps=1e-2,use_grn=True,ls_init_value=None),
}
out=sys.argv[1]; os.makedirs(out,exist_ok=True)
for i,(name,args) in enumerate(cases.items()):
    g=torch.Generator().manual_seed(i)
    m=ConvNeXt(**base,**args).eval()
    with torch.no_grad():
        for n,p in m.named_parameters():
            v=torch.randn(p.shape,generator=g)*0.2
            if n.endswith('gamma') or (('norm' in n or n.startswith('stem.1') or 'downsample.0' in n) and n.endswith('weight')): v+=1
            p.copy_(v)
        x=torch.randn(1,3,67,64,generator=g)
        y=m(x)
        feats=m.forward_features(x)
    sd={k:v.contiguous() for k,v in m.state_dict().items()}
    d=f'{out}/{name}'; os.makedirs(d,exist_ok=True)
    save_file(sd,f'{d}/model.safetensors')
    save_file({'pixel_values':x,'logits':y,'pre_logits':m.forward_head(feats,pre_logits=True).detach()},f'{d}/expected.safetensors')
    json.dump({'architecture':'convnext_tiny','num_classes':3,'global_pool':'avg','model_args':{k:v for k,v in {**base,**args}.items()},'pretrained_cfg':{'input_size':[3,64,64]}},open(f'{d}/config.json','w'))
    print(name,y.tolist())
